// The frame: navigation on phones, menus, theme, messages, the line that says something is loading.
import { onFound } from "./found.js";

const root = document.documentElement;

// --- navigation on phones: focus goes in, stays in, and comes back ---
const frame = document.getElementById("frame");
const sidebar = document.getElementById("sidebar");
const opener = document.querySelector("[data-sidebar-open]");
const narrow = window.matchMedia("(max-width: 991.98px)");

function openSidebar() {
  root.classList.add("sidebar-shown");
  opener.setAttribute("aria-expanded", "true");
  frame.inert = true;
  sidebar.inert = false;
  (sidebar.querySelector("[aria-current]") ?? sidebar.querySelector("a")).focus();
}

function closeSidebar({ focus = true } = {}) {
  if (!root.classList.contains("sidebar-shown")) return;
  root.classList.remove("sidebar-shown");
  opener.setAttribute("aria-expanded", "false");
  frame.inert = false;
  sidebar.inert = narrow.matches;
  if (focus) opener.focus();
}

if (sidebar && opener) {
  const fit = () => {
    closeSidebar({ focus: false });
    sidebar.inert = narrow.matches;
  };
  opener.addEventListener("click", openSidebar);
  for (const closer of document.querySelectorAll("[data-sidebar-close]")) closer.addEventListener("click", () => closeSidebar());
  narrow.addEventListener("change", fit);
  fit();
  sidebar.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

// --- tabs wider than the window: the one that is looked at shows ---
onFound(".tabs [aria-current]", (tab) => {
  const tabs = tab.parentElement;
  if (tabs.scrollWidth > tabs.clientWidth) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
});

// --- menus: one at a time, closed by Escape, by a click beside them and by leaving them ---
const openMenus = () => document.querySelectorAll("details[data-menu][open]");
document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  closeSidebar();
});
document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
onFound("details.switcher", (menu) =>
  menu.addEventListener("toggle", () => menu.open && menu.querySelector("input")?.focus()),
);

// --- theme ---
function showTheme() {
  const chosen = root.dataset.themeChosen ?? "";
  for (const button of document.querySelectorAll("[data-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.theme === chosen));
  }
}
onFound("[data-theme]", (button) =>
  button.addEventListener("click", () => {
    const theme = button.dataset.theme;
    root.dataset.themeChosen = theme;
    document.cookie = theme
      ? `theme=${theme}; path=/; max-age=31536000; samesite=lax`
      : "theme=; path=/; max-age=0; samesite=lax";
    document.dispatchEvent(new CustomEvent("theme-chosen"));
    showTheme();
    button.closest("details").open = false;
  }),
);
showTheme();

// --- messages ---
const SHOWN_MS = 6000;
export function toast(text, level = "info") {
  const note = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  note.classList.add(`toast-${level}`);
  note.querySelector(".toast-text").textContent = text;
  document.getElementById("toasts").append(note);
  mind(note);
}
function mind(note) {
  note.querySelector("[data-close-toast]").addEventListener("click", () => note.remove());
  // What went wrong stays until it is dismissed; nothing goes while it is read.
  if (note.classList.contains("toast-error")) return;
  let timer = setTimeout(() => note.remove(), SHOWN_MS);
  const hold = () => clearTimeout(timer);
  const release = () => { timer = setTimeout(() => note.remove(), SHOWN_MS); };
  note.addEventListener("mouseenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("mouseleave", release);
  note.addEventListener("focusout", release);
}
for (const note of document.querySelectorAll("#toasts [data-toast]")) mind(note);
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.level));

// --- requests of htmx ---
let running = 0;
const line = document.getElementById("progress");
const show = (step) => {
  running = Math.max(0, running + step);
  line.classList.toggle("is-running", running > 0);
};
// What renews itself in the background is not worth a glance.
const quiet = (event) => event.detail.requestConfig?.triggeringEvent?.type === "live";
document.addEventListener("htmx:beforeRequest", (event) => quiet(event) || show(1));
document.addEventListener("htmx:afterRequest", (event) => quiet(event) || show(-1));
document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  const plain = (event.detail.xhr.getResponseHeader("content-type") ?? "").startsWith("text/plain");
  if (quiet(event)) return;
  if (plain && responseText.length < 300) toast(responseText, "error");
  else toast(status >= 500 ? "Something of ours broke. Try again." : "That did not work. Load the page anew and try again.", "error");
});
document.addEventListener("htmx:sendError", (event) => {
  if (!quiet(event)) toast("The server cannot be reached. Look at your connection and try again.", "error");
});
