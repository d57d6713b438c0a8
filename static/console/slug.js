// A short name that follows the name until somebody writes one: <input data-slug-of="id of the name's field">.
import { onFound } from "./found.js";

const slugOf = (name) =>
  name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 63).replace(/^-+|-+$/g, "");

onFound("[data-slug-of]", (slug) => {
  const name = document.getElementById(slug.dataset.slugOf);
  let own = slug.value !== "" && slug.value !== slugOf(name.value);
  slug.addEventListener("input", () => { own = slug.value !== ""; });
  name.addEventListener("input", () => { if (!own) slug.value = slugOf(name.value); });
});
