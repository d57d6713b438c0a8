// Calls back for every element that is there now or that htmx brings later, once each.
export function onFound(selector, each) {
  const look = (root) => {
    const found = root.matches?.(selector) ? [root] : [];
    for (const element of [...found, ...(root.querySelectorAll?.(selector) ?? [])]) {
      element.foundBy ??= new Set();
      if (!element.foundBy.has(selector)) {
        element.foundBy.add(selector);
        each(element);
      }
    }
  };
  const start = () => look(document);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  document.addEventListener("htmx:load", (event) => look(event.detail.elt));
}
