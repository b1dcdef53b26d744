// The progress of a batch, or of a file that is imported. Everything works without it.
"use strict";

document.querySelectorAll(".moderation-progress").forEach((section) => {
  const over = (section.dataset.over || "done cancelled failed").split(" ");
  const words = (number) => number.toLocaleString("en");
  followProgress(section, "moderation", (progress) => over.includes(progress.state), (progress, find, bar) => {
    find("label").textContent = progress.label.charAt(0).toUpperCase() + progress.label.slice(1);
    if (progress.total) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else {
      bar.removeAttribute("value"); // how many there are is not known yet
    }
    const unit = section.dataset.unit ? ` ${section.dataset.unit}` : "";
    find("figures").textContent = words(progress.done) + (progress.total ? ` of ${words(progress.total)}` : "") + unit;
  });
});
