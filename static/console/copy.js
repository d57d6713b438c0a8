// Buttons that copy.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-from], [data-copy-value]");
  if (!button) return;
  const label = button.querySelector("[data-copy-label]");
  const before = label?.textContent ?? "";
  const done = await write(textOf(button));
  if (label) label.textContent = done ? "Copied" : "Press Ctrl+C";
  button.classList.toggle("is-copied", done);
  setTimeout(() => {
    if (label) label.textContent = before;
    button.classList.remove("is-copied");
  }, 2000);
});

function textOf(button) {
  if (button.dataset.copyValue !== undefined) return button.dataset.copyValue;
  const source = button.closest("[data-copy-block]").querySelector(button.dataset.copyFrom);
  return (source.content ?? source).textContent;
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS there is no clipboard to write to; copying a selection still works.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
