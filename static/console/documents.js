// Pages of documents: goes to the marked passage, counts what is chosen, shows how much of an upload is through.
import { onFound } from "./found.js";

onFound("#marked", (mark) => {
  if (window.location.hash) return;
  mark.scrollIntoView({ block: "center", behavior: "instant" });
});

onFound("#chosen-documents", (form) => {
  const button = form.querySelector("[data-needs-chosen]");
  const count = form.querySelector("[data-chosen-count]");
  const look = () => {
    const chosen = document.querySelectorAll('input[form="chosen-documents"]:checked').length;
    button.disabled = chosen === 0;
    count.textContent = chosen ? ` (${chosen})` : "";
  };
  document.addEventListener("change", look);
  document.addEventListener("htmx:afterSettle", look);
  look();
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = event.target.closest?.("form")?.querySelector("[data-upload-progress]");
  if (!bar || !event.detail.lengthComputable || !event.target.closest("form").querySelector("input[type=file]")?.files.length) return;
  bar.hidden = false;
  bar.querySelector("progress").value = event.detail.loaded / event.detail.total;
  bar.querySelector("output").textContent = `${Math.round((event.detail.loaded / event.detail.total) * 100)} %`;
});
