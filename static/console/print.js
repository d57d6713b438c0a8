// Buttons that print the page; without script there is the browser's own menu.
import { onFound } from "./found.js";

onFound("[data-print]", (button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
