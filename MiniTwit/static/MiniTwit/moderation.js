// The progress of a batch. Everything works without it.
"use strict";

document.querySelectorAll(".moderation-progress").forEach((section) => {
  const isOver = (progress) => ["done", "cancelled", "failed"].includes(progress.state);
  followProgress(section, "moderation", isOver, (progress, find, bar) => {
    find("label").textContent = progress.label.charAt(0).toUpperCase() + progress.label.slice(1);
    bar.max = progress.total;
    bar.value = progress.done;
    find("figures").textContent = `${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")}`;
  });
});
