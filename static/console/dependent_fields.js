// Fields that only matter with a choice made elsewhere in the form are shown with that choice.
//
//   <input name="expires_at" data-shown-with="expires=at">      several values: "level=team,key"
//
// Without script all are shown, and their help says when they matter.
import { onFound } from "./found.js";

const chosen = (form, name) => {
  const field = form.elements.namedItem(name);
  return field instanceof RadioNodeList ? field.value : field?.value;
};

onFound("[data-shown-with]", (input) => {
  const form = input.closest("form");
  const box = input.closest(".field");
  if (!form || !box) return;
  const [name, values] = input.dataset.shownWith.split("=");
  const follow = () => { box.hidden = !values.split(",").includes(chosen(form, name)); };
  form.addEventListener("change", follow);
  follow();
});
