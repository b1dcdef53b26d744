// The progress of a batch, and forms that are sent once. Everything works without it.
"use strict";

(() => {
  const POLL_MILLISECONDS = 700;

  function showProgress(section, progress) {
    const find = (name) => section.querySelector(name);
    const number = (value) => value.toLocaleString("en");
    find(".moderation-label").textContent = progress.label.charAt(0).toUpperCase() + progress.label.slice(1);
    find("progress").max = progress.total;
    find("progress").value = progress.done;
    find(".moderation-figures").textContent = `${number(progress.done)} of ${number(progress.total)}`;
    find(".moderation-waiting").hidden = !progress.waiting;
    find(".moderation-waiting span").textContent = progress.waiting;
    find(".moderation-waiting code").textContent = progress.command;
  }

  async function followProgress(section) {
    const lost = section.querySelector(".moderation-lost");
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      try {
        const response = await fetch(section.dataset.statusUrl, { headers: { Accept: "application/json" } });
        if (response.redirected || response.status === 403 || response.status === 404) {
          window.location.reload(); // signed out, or the right to look was taken away
          return;
        }
        const progress = await response.json();
        lost.hidden = true;
        if (["done", "cancelled", "failed"].includes(progress.state)) {
          window.location.reload();
          return;
        }
        showProgress(section, progress);
      } catch {
        lost.hidden = false;
      }
    }
  }

  // A form is sent once, however often its button is clicked.
  function sendOnce(form) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
    window.addEventListener("pageshow", () => delete form.dataset.sent);
  }

  document.querySelectorAll("form[data-once]").forEach(sendOnce);
  document.querySelectorAll(".moderation-progress").forEach(followProgress);
})();
