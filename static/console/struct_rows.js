// Lists of boxes in a form: one more is copied from the template, one less is taken out.
//
//   <div data-struct-rows data-new-row="__n__"> [data-struct-row] ... <template> <button data-struct-add> </div>
//
// Without script the page has one empty box, and saving brings the next.
import { onFound } from "./found.js";

onFound("[data-struct-rows]", (list) => {
  const template = list.querySelector("template");
  const add = list.querySelector("[data-struct-add]");
  const rows = () => [...list.querySelectorAll(":scope > [data-struct-row]")];
  let next = rows().length;

  const follow = () => {
    for (const button of list.querySelectorAll("[data-struct-remove]")) button.hidden = rows().length < 2;
  };
  add.hidden = false;
  add.addEventListener("click", () => {
    const markup = template.innerHTML.replaceAll(list.dataset.newRow, String(next++));
    template.insertAdjacentHTML("beforebegin", markup);
    follow();
    rows().at(-1).querySelector("input, textarea").focus();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-struct-remove]");
    if (!button) return;
    button.closest("[data-struct-row]").remove();
    follow();
    add.focus();
  });
  follow();
});
