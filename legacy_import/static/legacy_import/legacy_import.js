// Small comforts of the forms. Everything works without it.
"use strict";

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
  }, { capture: true }); // before the form counts as sent
}

// A confirmation imports what was previewed, so it waits while another mapping is chosen on the page.
function holdConfirmation(mapping) {
  const confirm = document.querySelector("[data-confirm]");
  if (!confirm) return;
  const show = () => {
    const isChanged = [...mapping.querySelectorAll("select")].some((select) => select.value !== select.dataset.previewed);
    wait(confirm, "mapping", isChanged);
    document.querySelector("[data-mapping-changed]").hidden = !isChanged;
  };
  mapping.addEventListener("change", show);
  window.addEventListener("pageshow", show); // a browser may come back with what was chosen before
}

// Another table has other columns: its select boxes follow at once, with what would be recognised.
function helpMapping(mapping) {
  const data = JSON.parse(document.getElementById("legacy-mapping-data").textContent);
  for (const section of mapping.querySelectorAll("[data-canonical]")) {
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
  holdConfirmation(mapping);
}

document.querySelectorAll(".legacy-start input[type=file]").forEach(helpUpload);
document.querySelectorAll("[data-mapping]").forEach(helpMapping);
