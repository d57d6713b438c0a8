// Puts what is clicked into an expression: at the cursor, or in place of it all.
const changed = (field) => {
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

const insert = (field, text) => {
  const [start, end] = [field.selectionStart ?? field.value.length, field.selectionEnd ?? field.value.length];
  const before = field.value.slice(0, start);
  const space = before && !/[\s(.,[!]$/.test(before) ? " " : "";
  field.setRangeText(space + text, start, end, "end");
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert], [data-fill]");
  if (!button) return;
  if (button.dataset.fill) {
    for (const [id, text] of Object.entries(JSON.parse(button.dataset.fill))) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = text;
      changed(field);
    }
    document.getElementById(button.dataset.into)?.focus();
    return;
  }
  const field = document.getElementById(button.dataset.into);
  if (!field) return;
  insert(field, button.dataset.insert);
  field.focus();
  changed(field);
});

const finder = document.querySelector("[data-reference-search]");
finder?.addEventListener("input", () => {
  const wanted = finder.value.trim().toLowerCase();
  for (const group of document.querySelectorAll("[data-reference-group]")) {
    let found = 0;
    for (const entry of group.querySelectorAll("[data-reference]")) {
      entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
      found += entry.hidden ? 0 : 1;
    }
    group.hidden = found === 0;
    if (wanted && found) group.open = true;
  }
});
