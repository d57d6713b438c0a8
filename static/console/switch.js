// One of several blocks at a time, chosen by tabs (the WAI-ARIA pattern). Without script all are shown.
//
//   <div data-switch="code"><section data-switch-part="curl" aria-label="curl">…</section>…</div>
//
// The choice is kept in this browser under the switch's name.
import { onFound } from "./found.js";

onFound("[data-switch]", (box) => {
  const parts = [...box.querySelectorAll("[data-switch-part]")];
  const name = box.dataset.switch;
  const list = document.createElement("div");
  list.className = "switch-tabs";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.getAttribute("aria-label") ?? name);
  const tabs = parts.map((part) => tabOf(part, name));
  list.append(...tabs);
  box.prepend(list);

  const choose = (index, focus) => {
    parts.forEach((part, at) => { part.hidden = at !== index; });
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    if (focus) tabs[index].focus();
    remember(name, parts[index].dataset.switchPart);
  };
  list.addEventListener("click", (event) => {
    const index = tabs.indexOf(event.target.closest("[role=tab]"));
    if (index >= 0) choose(index, false);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose((to + tabs.length) % tabs.length, true);
  });
  choose(Math.max(0, parts.findIndex((part) => part.dataset.switchPart === remembered(name))), false);
});

function tabOf(part, name) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.className = "switch-tab";
  tab.textContent = part.getAttribute("aria-label");
  part.id ||= `${name}-${part.dataset.switchPart}`;
  tab.id = `${part.id}-tab`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", part.id);
  part.setAttribute("role", "tabpanel");
  part.setAttribute("aria-labelledby", tab.id);
  part.removeAttribute("aria-label");
  return tab;
}

function remember(name, key) {
  try { localStorage.setItem(`switch:${name}`, key); } catch { /* a private window keeps nothing */ }
}

function remembered(name) {
  try { return localStorage.getItem(`switch:${name}`); } catch { return null; }
}
