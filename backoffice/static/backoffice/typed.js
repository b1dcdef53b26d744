/* Keeps what was typed into a form that could not be taken, because the session had ended or the form was out of date,
   and puts it into the form again. It is kept in this tab only, for the same account only, and never a password. */
(() => {
  "use strict";
  const KEY = "minitwit.typed";
  const HOUR = 3600 * 1000;
  const NOT_KEPT = ["hidden", "password", "file", "submit", "button", "reset", "image"];
  const user = document.currentScript.dataset.user;

  const read = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY));
    } catch {
      return null;
    }
  };
  const write = (kept) => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      sessionStorage.removeItem(KEY); // more than the browser keeps
    }
  };
  const typedFields = (form) =>
    [...form.elements].filter((field) => field.name && field.type && !NOT_KEPT.includes(field.type));
  const addressOf = (form) => form.getAttribute("action") || "";

  const keep = (event) => {
    const form = event.target;
    if (!user || form.method !== "post") return;
    const fields = typedFields(form).map((field) => [field.name, field.value, Boolean(field.checked)]);
    const page = location.pathname;
    write({ user, page, action: addressOf(form), fields, at: Date.now(), notTaken: false });
  };

  const fill = (field, value, checked) => {
    if (["checkbox", "radio"].includes(field.type)) field.checked = checked;
    else field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const restore = (kept) => {
    const form = [...document.forms].find((one) => one.method === "post" && addressOf(one) === kept.action);
    if (!form) return;
    for (const field of typedFields(form)) {
      const isChoice = ["checkbox", "radio"].includes(field.type);
      const found = kept.fields.find(([name, value]) => name === field.name && (!isChoice || value === field.value));
      if (found) fill(field, found[1], found[2]);
    }
    form.closest("details")?.setAttribute("open", "");
    const told = document.createElement("p");
    told.setAttribute("role", "status");
    told.className = "typed-again";
    told.textContent = "What you had typed is in this form again. It was not sent yet.";
    form.prepend(told);
    told.scrollIntoView({ block: "nearest" });
  };

  const kept = read();
  if (kept && document.querySelector("[data-not-taken]")) {
    write({ ...kept, notTaken: true });
  } else if (kept && (!kept.notTaken || Date.now() - kept.at > HOUR || (user && user !== kept.user))) {
    sessionStorage.removeItem(KEY);
  } else if (kept && kept.page === location.pathname) {
    sessionStorage.removeItem(KEY);
    restore(kept);
  }
  document.addEventListener("submit", keep, true);
})();
