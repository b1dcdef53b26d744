/* The palette, the keys, and the small menus of every page. Without this script the rail leads everywhere as well. */
(() => {
  "use strict";
  const GO_SECONDS = 1.5;
  const palette = document.getElementById("palette");
  const keys = document.getElementById("keys");
  const account = document.querySelector(".account-menu");

  document.addEventListener("click", (event) => {
    if (account && !account.contains(event.target)) account.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !account?.open) return;
    account.open = false;
    account.querySelector("summary").focus();
  });
  if (!palette) return;

  const input = palette.querySelector("input");
  const list = palette.querySelector("ul");
  const status = palette.querySelector("[role=status]");
  const sections = [...document.querySelectorAll(".rail a")].map((link) => ({
    title: link.firstChild.textContent.trim(),
    url: link.href,
    kind: "",
    key: link.dataset.key,
  }));
  let chosen = 0;
  let asked = 0;

  const options = () => [...list.children];
  const choose = (index) => {
    const all = options();
    chosen = all.length ? (index + all.length) % all.length : 0;
    all.forEach((option, position) => option.setAttribute("aria-selected", String(position === chosen)));
    input.setAttribute("aria-activedescendant", all[chosen]?.id ?? "");
    all[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const show = (choices) => {
    list.replaceChildren(
      ...choices.map(({ title, url, kind }, position) => {
        const option = document.createElement("li");
        option.id = `palette-choice-${position}`;
        option.setAttribute("role", "option");
        option.dataset.url = url;
        option.append(title);
        const small = document.createElement("small");
        small.textContent = kind;
        option.append(small);
        return option;
      }),
    );
    status.textContent = choices.length ? "" : "Nothing is called so.";
    choose(0);
  };
  const search = async () => {
    const words = input.value.trim();
    const fitting = sections.filter(({ title }) => title.toLowerCase().includes(words.toLowerCase()));
    const question = ++asked;
    if (!words) return show(sections);
    const found = await fetch(`${palette.dataset.url}?${new URLSearchParams({ q: words })}`)
      .then((response) => (response.ok && !response.redirected ? response.json() : Promise.reject(response.status)))
      .catch(() => null);
    if (question !== asked) return undefined; // an answer to what is no longer asked
    show([...fitting, ...(found?.found ?? [])]);
    if (!found) status.textContent = "The server did not answer. Sign in again, or try again in a moment.";
    return undefined;
  };
  const open = (dialog) => {
    if (dialog.open) return;
    dialog.showModal();
    if (dialog !== palette) return;
    input.value = "";
    show(sections);
  };

  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && options()[chosen]) location.assign(options()[chosen].dataset.url);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.url);
  });
  for (const dialog of [palette, keys]) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // outside of its box
    });
  }
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.hidden = false;
    button.addEventListener("click", () => open(document.getElementById(button.dataset.opens)));
  }

  let pressedG = 0;
  const isTyping = (element) => element.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open(palette);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isGoing = Date.now() - pressedG < GO_SECONDS * 1000;
    pressedG = 0;
    const section = isGoing && sections.find(({ key }) => key === event.key);
    if (section) location.assign(section.url);
    else if (isGoing && event.key === "h") location.assign(document.querySelector(".site-title").href);
    else if (event.key === "g") pressedG = Date.now();
    else if (event.key === "?" && !document.querySelector("[data-own-help]")) open(keys);
    else if (event.key === "/" && document.querySelector("[data-search]")) document.querySelector("[data-search]").focus();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page's own keys do not take it too
  });
})();
