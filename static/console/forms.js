// Forms: each field is checked when it is left, what was typed is guarded, a button that works says so.
import { onFound } from "./found.js";

const control = (box) => box.closest(".field")?.querySelector("input, select, textarea");

onFound(".field-errors", (box) => {
  const field = box.closest(".field");
  let touched = Boolean(box.childElementCount);
  field.addEventListener("input", () => { touched = true; });
  field.addEventListener("change", () => window.htmx?.trigger(box, "check"));
  field.addEventListener("focusout", () => touched && box.childElementCount && window.htmx?.trigger(box, "check"));
});

// The answer is only the errors; the field itself keeps what is typed, and the place of the cursor.
document.addEventListener("htmx:afterSwap", (event) => {
  const box = event.detail.target;
  if (!box.classList?.contains("field-errors")) return;
  const wrong = box.querySelector(".error-list") !== null;
  for (const input of box.closest(".field").querySelectorAll("input, select, textarea")) {
    input.classList.toggle("is-invalid", wrong);
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
});

onFound("form [data-error-summary]", (summary) => summary.focus());

onFound("form[data-guard]", (form) => {
  if (form.querySelector("[data-error-summary]")) form.classList.add("is-changed");
  form.addEventListener("input", () => form.classList.add("is-changed"));
  form.addEventListener("submit", () => form.classList.remove("is-changed"));
});
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form.is-changed")) event.preventDefault();
});
document.addEventListener("htmx:beforeOnLoad", (event) => {
  // An answer that leads elsewhere was a success.
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) {
    for (const form of document.querySelectorAll("form.is-changed")) form.classList.remove("is-changed");
  }
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button?.hasAttribute("data-busy")) return;
  button.classList.add("is-busy");
  button.setAttribute("aria-busy", "true");
  // After the browser has taken the button's value along.
  if (event.target.method === "post" && !event.target.hasAttribute("hx-post")) setTimeout(() => { button.disabled = true; });
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll(".is-busy")) {
    button.classList.remove("is-busy");
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});
