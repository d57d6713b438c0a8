// The editor of routes: rows of targets that are added, taken away and moved; shares of weights as they are typed.
const form = document.querySelector("[data-route-form]");
const list = form.querySelector("[data-target-rows]");
const template = form.querySelector("[data-target-template]");
const said = form.querySelector("[data-moved]");

const rows = () => [...list.querySelectorAll("[data-target-row]")];
const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
const stepOf = (row) => Number.parseInt(field(row, "priority").value, 10) || 0;
const weightOf = (row) => Math.max(0, Number.parseInt(field(row, "weight").value, 10) || 0);
const isOn = (row) => field(row, "enabled").checked;
const strategy = () => form.querySelector("input[name=strategy]:checked")?.value ?? "priority";
const nameOf = (row) => field(row, "model").selectedOptions[0]?.text || "The target";

const HINTS = {
  priority: "The lowest priority goes first; equal ones share by weight.",
  weighted: "Every target gets its part of the calls.",
  least_latency: "Weights only decide between equals.",
  lowest_cost: "Weights only decide between equals.",
  least_busy: "Weights only decide between equals.",
};

// --- what is shown of the weights

function show() {
  const chosen = strategy();
  form.dataset.strategy = chosen;
  form.dataset.cache = form.elements.cache_mode.value;
  form.querySelector("[data-targets-hint]").textContent = HINTS[chosen];
  const totals = new Map();
  const group = (row) => (chosen === "priority" ? stepOf(row) : 0);
  for (const row of rows()) if (isOn(row)) totals.set(group(row), (totals.get(group(row)) ?? 0) + weightOf(row));
  let before = null;
  for (const row of rows()) {
    const total = totals.get(group(row)) ?? 0;
    const share = isOn(row) && total ? (weightOf(row) / total) * 100 : 0;
    row.querySelector("[data-share]").textContent = isOn(row) ? `${Math.round(share * 10) / 10}%` : "off";
    row.querySelector("[data-share-bar]").setAttribute("width", `${share}%`);
    row.classList.toggle("is-new-step", before !== null && group(row) !== before);
    before = group(row);
  }
}

function changed() {
  show();
  // Bubbles to the form: it counts as changed, and what saving would do is asked for anew.
  list.dispatchEvent(new Event("input", { bubbles: true }));
}

// --- moving: half a step at a time, first beside the others of a step, then on past them

function sort() {
  const focused = document.activeElement;
  for (const row of rows().map((row, place) => [stepOf(row), place, row]).sort((a, b) => a[0] - b[0] || a[1] - b[1])) list.append(row[2]);
  focused?.focus();
}

function renumber(groups) {
  groups.filter((group) => group.length).forEach((group, step) => {
    for (const row of group) field(row, "priority").value = step;
  });
}

function grouped() {
  const steps = new Map();
  for (const row of rows()) steps.set(stepOf(row), [...(steps.get(stepOf(row)) ?? []), row]);
  return [...steps.entries()].sort((a, b) => a[0] - b[0]).map(([, group]) => group);
}

function move(row, by) {
  const groups = grouped();
  const at = groups.findIndex((group) => group.includes(row));
  const alone = groups[at].length === 1;
  groups[at] = groups[at].filter((other) => other !== row);
  if (!alone) groups.splice(by < 0 ? at : at + 1, 0, [row]);
  else if (groups[at + by]) groups[at + by].push(row);
  else groups[at] = [row];
  renumber(groups);
  sort();
  tell(row);
  changed();
}

function tell(row) {
  const beside = rows().filter((other) => other !== row && stepOf(other) === stepOf(row)).map(nameOf);
  said.textContent = `${nameOf(row)} now has priority ${stepOf(row)}${beside.length ? `, with ${beside.join(", ")}` : ", alone"}.`;
}

// --- rows that come and go

let next = 1 + Math.max(-1, ...rows().map((row) => Number(field(row, "model").name.split("-")[1])));

function add() {
  const row = template.content.firstElementChild.cloneNode(true);
  const number = next;
  next += 1;
  for (const element of row.querySelectorAll("[name], [id], [for], [value], [data-problem]")) {
    for (const name of ["name", "id", "for", "value", "data-problem"]) {
      const value = element.getAttribute(name);
      if (value?.includes("targets-000")) element.setAttribute(name, value.replace("targets-000", `targets-${number}`));
    }
  }
  field(row, "priority").value = rows().length ? Math.max(...rows().map(stepOf)) + 1 : 0;
  list.append(row);
  prepare(row);
  field(row, "model").focus();
  changed();
}

function remove(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  said.textContent = `${nameOf(row)} is removed.`;
  row.remove();
  (neighbour?.querySelector("[data-remove]") ?? form.querySelector("[data-add]")).focus();
  changed();
}

// --- dragging: onto a row joins its step

let dragged = null;

function prepare(row) {
  for (const button of row.querySelectorAll("[data-move]")) button.hidden = false;
  const grip = row.querySelector("[data-grip]");
  grip.addEventListener("mousedown", () => { row.draggable = true; });
  grip.addEventListener("mouseup", () => { row.draggable = false; });
  row.addEventListener("dragstart", (event) => {
    dragged = row;
    event.dataTransfer.effectAllowed = "move";
    row.classList.add("is-dragged");
  });
  row.addEventListener("dragend", () => {
    row.draggable = false;
    dragged = null;
    for (const one of rows()) one.classList.remove("is-dragged", "is-over");
  });
  row.addEventListener("dragover", (event) => {
    if (!dragged || dragged === row) return;
    event.preventDefault();
    row.classList.add("is-over");
  });
  row.addEventListener("dragleave", () => row.classList.remove("is-over"));
  row.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!dragged || dragged === row) return;
    drop(dragged, row, event.clientY - row.getBoundingClientRect().top, row.offsetHeight);
  });
}

// The upper and the lower quarter of a row are places between steps, its middle is beside it.
function drop(row, onto, y, height) {
  const groups = grouped().map((group) => group.filter((other) => other !== row));
  const at = groups.findIndex((group) => group.includes(onto));
  if (y < height / 4) groups.splice(at, 0, [row]);
  else if (y > (height * 3) / 4) groups.splice(at + 1, 0, [row]);
  else groups[at].push(row);
  renumber(groups);
  sort();
  tell(row);
  changed();
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const row = button?.closest("[data-target-row]");
  if (!button) return;
  if (button.hasAttribute("data-move")) move(row, button.dataset.move === "up" ? -1 : 1);
  else if (button.hasAttribute("data-remove")) { event.preventDefault(); remove(row); }
  else if (button.hasAttribute("data-add")) { event.preventDefault(); add(); }
});
form.addEventListener("keydown", (event) => {
  const row = event.target.closest("[data-target-row]");
  if (!row || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key) || strategy() !== "priority") return;
  event.preventDefault();
  move(row, event.key === "ArrowUp" ? -1 : 1);
});
form.addEventListener("input", show);
form.addEventListener("change", show);

// --- what is wrong, beside the fields that were touched

const touched = new Set();
for (const kind of ["change", "focusout"]) {
  form.addEventListener(kind, (event) => event.target.name && touched.add(event.target.name));
}
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "route-preview") return;
  const wrong = JSON.parse(document.getElementById("route-problems").textContent);
  for (const place of form.querySelectorAll("[data-problem]")) {
    const name = place.dataset.problem;
    const errors = touched.has(name) ? (wrong[name] ?? []) : [];
    place.textContent = errors.join(" ");
    const input = form.querySelector(`[name="${name}"]`);
    input?.classList.toggle("is-invalid", errors.length > 0);
    if (errors.length) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
});

for (const row of rows()) prepare(row);
sort();
show();
