// The review queue: a key for each decision, and the next message without reloading the page.
"use strict";

(() => {
  const desk = document.getElementById("review-desk");
  const trouble = document.querySelector(".review-trouble");
  const RENEW_MILLISECONDS = 60_000;
  let busy = false;

  const messageAtHand = () => desk.querySelector("[data-message]")?.dataset.message;

  // Signing in again in another tab gives a new token; the cookie always holds the present one.
  function token() {
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    return cookie ? cookie.slice("csrftoken=".length) : desk.querySelector("[name=csrfmiddlewaretoken]")?.value;
  }

  function complain(sentence, link) {
    trouble.textContent = sentence;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.target = "_blank";
      anchor.textContent = "Sign in in a new tab";
      trouble.append(" ", anchor);
    }
    trouble.hidden = false;
  }

  function post(address, fields) {
    fields.set("csrfmiddlewaretoken", token());
    return fetch(address, { method: "POST", body: fields, headers: { "X-Requested-With": "fetch" } });
  }

  // Nothing on the page is touched unless there is an answer: a note that was written stays.
  async function send(form, button) {
    const fields = new FormData(form, button);
    busy = true;
    desk.setAttribute("aria-busy", "true");
    try {
      const response = await post(form.action, fields);
      if (response.redirected) {
        complain("Your session has ended, and nothing was done.", desk.dataset.loginUrl);
      } else if (response.status === 403) {
        complain("This was refused, and nothing was done: your session or your rights have changed.", desk.dataset.loginUrl);
      } else if (!response.ok) {
        complain(`The server failed (${response.status}). Press again; a decision that was made after all is not made twice.`);
      } else {
        desk.innerHTML = await response.text();
        trouble.hidden = true;
        window.scrollTo(0, 0);
      }
    } catch {
      complain("The server does not answer. Press again; a decision that was made after all is not made twice.");
    } finally {
      busy = false;
      desk.removeAttribute("aria-busy");
    }
  }

  desk.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy) send(event.target, event.submitter);
  });

  const isWriting = (element) => Boolean(element.closest("input, textarea, select, [contenteditable]"));

  function press(key) {
    const target = desk.querySelector(`[data-key="${key}"]`);
    if (target && !target.disabled) {
      target.click();
      if (key === "w") target.closest("details").querySelector("textarea").focus();
    } else if (key === "o" || key === "u") {
      desk.querySelector(".review-notice").textContent =
        key === "o" ? "This message is flagged: f leaves it so, u unflags it." : "This message is not flagged: o keeps it, f flags it.";
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.key === "Escape" && desk.contains(event.target)) {
      event.target.blur();
      return;
    }
    if (isWriting(event.target) || !desk.querySelector("[data-key]")) return;
    if (event.key === "?") {
      const help = document.getElementById("review-help");
      if (help) help.hidden = !help.hidden;
    } else if (!event.shiftKey && "fuojkzsw".includes(event.key) && !busy) {
      event.preventDefault();
      press(event.key);
    }
  });

  async function renew() {
    const message = messageAtHand();
    if (!message || busy) return;
    const fields = new FormData();
    fields.set("message", message);
    try {
      const response = await post(desk.dataset.renewUrl, fields);
      if (response.redirected || response.status === 403) {
        complain("Your session has ended. What you wrote is kept on this page.", desk.dataset.loginUrl);
      } else if (response.ok) {
        const answer = await response.json();
        if (!answer.held && message === messageAtHand()) complain(`${answer.sentence} Press j for the next one.`);
      }
    } catch {
      // The next decision will say that the server does not answer.
    }
  }

  setInterval(renew, RENEW_MILLISECONDS);
  window.addEventListener("pagehide", () => {
    const message = messageAtHand();
    if (!message) return;
    const fields = new FormData();
    fields.set("message", message);
    fields.set("csrfmiddlewaretoken", token());
    navigator.sendBeacon(desk.dataset.releaseUrl, fields);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) renew(); // come back to: take it again, or say who has it now
  });
})();
