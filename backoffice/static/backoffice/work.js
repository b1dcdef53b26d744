// Pages that show how far some work is, and small comforts of forms. Everything works without it.
"use strict";

const POLL_MILLISECONDS = 700;

// Asks repeatedly how far the work of a section is, and reloads the page when it has something else to show.
async function followProgress(section) {
  const find = (name) => section.querySelector(`.work-${name}`);
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
      if (progress.stage !== section.dataset.stage) {
        window.location.reload();
        return;
      }
      showProgress(progress, find, section.querySelector("progress"));
    } catch {
      find("lost").hidden = false;
    }
  }
}

function showProgress(progress, find, bar) {
  const number = (value) => value.toLocaleString("en");
  find("waiting").hidden = !progress.waiting;
  find("waiting").querySelector("span").textContent = progress.waiting;
  find("waiting").querySelector("code").textContent = progress.command;
  find("phase").textContent = progress.phase;
  find("elapsed").textContent = `${number(progress.elapsed)} s`;
  if (progress.total) {
    bar.max = progress.total;
    bar.value = progress.done;
    find("rows").textContent = `${number(progress.done)} of ${number(progress.total)} rows`;
  } else {
    bar.removeAttribute("value"); // how many there are is not known yet
    find("rows").textContent = progress.done ? `${number(progress.done)} rows` : "";
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

// A button may have to wait for several things; it is disabled until all of them are there.
const waitsFor = new WeakMap();
function wait(button, what, isWaiting) {
  const waited = waitsFor.get(button) || new Set();
  waitsFor.set(button, waited);
  if (isWaiting) waited.add(what);
  else waited.delete(what);
  button.disabled = waited.size > 0;
  button.title = waited.has("ticks") ? "First tick what the page asks you to." : "";
}

// What a form asks to be ticked comes before the button that sends it.
function waitForTicks(form) {
  const ticks = [...form.elements].filter((field) => field.type === "checkbox" && field.required);
  const buttons = [...form.elements].filter((field) => field.type === "submit" && !field.formNoValidate);
  const show = () => {
    const isMissing = ticks.some((tick) => !tick.checked);
    buttons.forEach((button) => wait(button, "ticks", isMissing));
  };
  if (!ticks.length) return;
  form.addEventListener("change", show);
  window.addEventListener("pageshow", show); // a browser may come back with what was ticked before
  show();
}

// Beside a date and time: dates that are often wanted, as the server reckons them.
function offerMoments(input) {
  const choices = document.createElement("span");
  choices.className = "moment-choices";
  for (const [label, value] of JSON.parse(input.dataset.moments)) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "grp-button", textContent: label });
    button.addEventListener("click", () => {
      input.value = value;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    choices.append(button);
  }
  input.after(choices);
}

document.querySelectorAll(".work-progress").forEach(followProgress);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("form").forEach(waitForTicks);
document.querySelectorAll("input[data-moments]").forEach(offerMoments);
