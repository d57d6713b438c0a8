// Tables: short addresses, whole rows to click, the address of the CSV file, headings that stick where all columns fit.
import { onFound } from "./found.js";

const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scroll = target.closest(".table-scroll");
    const table = scroll?.querySelector("table");
    if (!table) continue;
    const fits = table.offsetWidth <= scroll.clientWidth;
    scroll.parentElement.classList.toggle("fits", fits);
    // What can be scrolled can be reached with the keyboard.
    if (fits) scroll.removeAttribute("tabindex");
    else scroll.tabIndex = 0;
  }
});
onFound(".data-card > .table-scroll > table", (table) => {
  widths.observe(table.parentElement);
  widths.observe(table);
});

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.closest("[data-prune-empty]") || event.detail.verb !== "get") return;
  const parameters = event.detail.parameters;
  for (const name of new Set(Object.keys(parameters))) {
    if (parameters[name] === "" || parameters[name] === "unknown") delete parameters[name];
  }
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-row-url]");
  if (!row || event.target.closest("a, button, input, select, label, summary, details")) return;
  if (String(window.getSelection())) return;
  if (event.metaKey || event.ctrlKey) window.open(row.dataset.rowUrl, "_blank", "noopener");
  else row.querySelector(".row-link")?.click();
});

document.addEventListener("htmx:afterSettle", () => {
  for (const rows of document.querySelectorAll("[data-export-url]")) {
    rows.closest(".data")?.querySelector("[data-export]")?.setAttribute("href", rows.dataset.exportUrl);
  }
});
