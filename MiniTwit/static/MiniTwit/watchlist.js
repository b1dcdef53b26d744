// The watch-list's comforts: how far the scan is, and what a term would find before it is saved.
"use strict";

const SCAN_POLL_MILLISECONDS = 1500;

async function followScan(section) {
  const line = section.querySelector("[role=status]");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, SCAN_POLL_MILLISECONDS));
    try {
      const response = await fetch(section.dataset.standingUrl, { headers: { Accept: "application/json" } });
      if (response.redirected || !response.ok) return;
      const standing = await response.json();
      line.textContent = standing.sentence;
      if (!standing.behind) {
        window.location.reload(); // the list has new figures
        return;
      }
    } catch {
      line.textContent = "The server does not answer; trying again.";
    }
  }
}

function offerTest(button) {
  const form = button.closest("form");
  const line = button.parentElement.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    line.textContent = "Looking through the newest messages …";
    try {
      const response = await fetch(button.dataset.testUrl, { method: "POST", body: new FormData(form) });
      if (response.redirected) {
        line.textContent = "Your session has ended. Sign in again in another tab, then test once more.";
      } else if (response.ok) {
        const result = await response.json();
        line.textContent = result.sentence;
        line.classList.toggle("watch-error", !result.ok);
      } else {
        line.textContent = `The server could not test it (${response.status}). Nothing was saved; try again.`;
      }
    } catch {
      line.textContent = "The server does not answer. Nothing was saved; try again.";
    }
    button.disabled = false;
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-standing-url][data-behind]").forEach(followScan);
  document.querySelectorAll("button[data-test-url]").forEach(offerTest);
});
