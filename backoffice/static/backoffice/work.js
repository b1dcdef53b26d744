// Pages that show how far some work is, and forms that are sent once. Everything works without it.
"use strict";

const POLL_MILLISECONDS = 700;

// Asks again and again how far the work of a section is, and loads the page anew when it has something else to show.
// Every section has the waiting line of a worker that is not there, and a line for a server that does not answer.
async function followProgress(section, prefix, isOver, show) {
  const find = (name) => section.querySelector(`.${prefix}-${name}`);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    try {
      const response = await fetch(section.dataset.statusUrl, { headers: { Accept: "application/json" } });
      if (response.redirected || response.status === 403 || response.status === 404) {
        window.location.reload(); // signed out, or the right to look was taken away
        return;
      }
      const progress = await response.json();
      find("lost").hidden = true;
      if (isOver(progress)) {
        window.location.reload();
        return;
      }
      find("waiting").hidden = !progress.waiting;
      find("waiting").querySelector("span").textContent = progress.waiting;
      find("waiting").querySelector("code").textContent = progress.command;
      show(progress, find, section.querySelector("progress"));
    } catch {
      find("lost").hidden = false;
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
