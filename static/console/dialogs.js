// Confirming what is dangerous, and forms in a drawer.
import { onFound } from "./found.js";

const confirmDialog = document.getElementById("confirm");
const drawer = document.getElementById("drawer");

// Says what will happen; resolves to whether to go on. The words come from the element's data-confirm-* attributes.
export function ask(element) {
  const { confirm, confirmTitle, confirmButton, confirmType } = element.dataset;
  const yes = document.getElementById("confirm-yes");
  const input = document.getElementById("confirm-input");
  document.getElementById("confirm-title").textContent = confirmTitle || "Are you sure?";
  document.getElementById("confirm-text").textContent = confirm;
  yes.textContent = confirmButton || "Go on";
  document.getElementById("confirm-typed").hidden = !confirmType;
  document.getElementById("confirm-name").textContent = confirmType || "";
  input.value = "";
  yes.disabled = Boolean(confirmType);
  input.oninput = () => { yes.disabled = input.value !== confirmType; };
  confirmDialog.returnValue = "no";
  confirmDialog.showModal();
  (confirmType ? input : document.getElementById("confirm-no")).focus();
  return new Promise((resolve) => {
    confirmDialog.addEventListener("close", () => resolve(confirmDialog.returnValue === "yes"), { once: true });
  });
}

// Enter in the typed name must not press "Cancel", which comes first.
document.getElementById("confirm-input")?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const yes = document.getElementById("confirm-yes");
  if (!yes.disabled) confirmDialog.close("yes");
});

const sure = new WeakSet();
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const asked = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asked.dataset.confirm || sure.has(form) || usesHtmx(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await ask(asked)) {
    sure.add(form);
    form.requestSubmit(event.submitter);
    sure.delete(form);
  }
}, true);

const usesHtmx = (element) => ["hx-post", "hx-put", "hx-patch", "hx-delete"].some((name) => element.hasAttribute(name));
document.addEventListener("htmx:confirm", async (event) => {
  const element = event.detail.elt;
  if (!element.dataset.confirm) return;
  event.preventDefault();
  if (await ask(element)) event.detail.issueRequest(true);
});

// --- drawer: a link with data-drawer opens its page beside this one; without script it is a link ---
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-drawer]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && window.htmx) {
    event.preventDefault();
    openDrawer(link.href);
  }
  const closer = event.target.closest("[data-close-dialog]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
});

export async function openDrawer(url) {
  await window.htmx.ajax("GET", url, { target: "#drawer-body", swap: "innerHTML" });
  if (!drawer.open && document.getElementById("drawer-body").childElementCount) drawer.showModal();
  drawer.querySelector("[autofocus], input:not([type=hidden]), select, textarea")?.focus();
}

onFound("dialog.drawer, dialog.confirm", (dialog) =>
  // A click on the shade lands on the dialog itself.
  dialog.addEventListener("mousedown", (event) => event.target === dialog && dialog.requestClose?.()),
);
drawer?.addEventListener("cancel", (event) => {
  if (drawer.querySelector("form.is-changed") && !window.confirm("What you typed would be lost. Close it?")) event.preventDefault();
});
drawer?.addEventListener("close", () => { document.getElementById("drawer-body").replaceChildren(); });

// An answer that lands in the drawer opens it: of a button that does something and shows what came of it, say.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "drawer-body" && drawer && !drawer.open && event.detail.target.childElementCount) drawer.showModal();
});
