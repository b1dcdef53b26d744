// The progress of a run, and small comforts of the forms. Everything works without it.
"use strict";

const POLL_MILLISECONDS = 700;

function showProgress(section, progress) {
  const find = (name) => section.querySelector(name);
  const bar = find("progress");
  const number = (value) => value.toLocaleString("en");
  find(".legacy-phase").textContent = progress.phase;
  if (progress.total) {
    bar.max = progress.total;
    bar.value = progress.done;
  } else {
    bar.removeAttribute("value");
  }
  find(".legacy-rows").textContent = progress.total ? `${number(progress.done)} of ${number(progress.total)} rows` : "";
  find(".legacy-elapsed").textContent = `${number(progress.elapsed)} s`;
  find(".legacy-waiting").hidden = !progress.waiting;
  find(".legacy-waiting span").textContent = progress.waiting;
  find(".legacy-waiting code").textContent = progress.command;
}

async function followProgress(section) {
  const lost = section.querySelector(".legacy-lost");
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
      if (progress.stage !== section.dataset.stage) {
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

// Choosing a file means uploading it; one that is too large is refused before it travels.
function helpUpload(input) {
  const choice = document.querySelector('input[name="source"][value="upload"]');
  input.addEventListener("change", () => {
    if (!input.files.length) return;
    choice.checked = true;
    const largest = Number(input.dataset.largest);
    const size = input.files[0].size;
    const tooLarge = `The file has ${size.toLocaleString("en")} bytes, but at most ${largest.toLocaleString("en")} can be uploaded.`;
    input.setCustomValidity(size > largest ? tooLarge : "");
    input.reportValidity();
  });
  input.form.addEventListener("submit", (event) => {
    if (choice.checked && !input.checkValidity()) {
      event.stopImmediatePropagation();
      event.preventDefault();
      input.reportValidity();
    }
  });
}

// Another table has other columns: its select boxes follow at once, with what would be recognised.
function helpMapping(form) {
  const data = JSON.parse(document.getElementById("legacy-mapping-data").textContent);
  for (const section of form.querySelectorAll("[data-canonical]")) {
    const [table, ...columns] = section.querySelectorAll("select");
    const name = section.dataset.canonical;
    const showSamples = (select) => {
      const found = (data.columns[table.value] || []).find(([column]) => column === select.value);
      const samples = !found ? [] : select.name.endsWith("-pw_hash") ? ["hidden"] : found[2];
      const spans = samples.map((sample) => Object.assign(document.createElement("span"), { textContent: sample }));
      select.closest("tr").querySelector(".legacy-values").replaceChildren(...spans);
    };
    table.addEventListener("change", () => {
      const recognised = (data.recognised[name] || {})[table.value] || {};
      for (const select of columns) {
        const options = (data.columns[table.value] || []).map(([column, label]) => new Option(label, column));
        select.replaceChildren(select.options[0], ...options);
        select.value = recognised[select.name.slice(name.length + 1)] || "";
        showSamples(select);
      }
      section.querySelector("input[type=hidden]").value = table.value;
    });
    columns.forEach((select) => select.addEventListener("change", () => showSamples(select)));
  }
}

document.querySelectorAll(".legacy-start input[type=file]").forEach(helpUpload);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("form[data-mapping]").forEach(helpMapping);
document.querySelectorAll("[data-status-url]").forEach(followProgress);
