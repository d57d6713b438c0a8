// The playground's page: messages, models, settings, history. What is sent is in playground_request.js, what comes
// back in playground_answer.js.
import { Answer } from "./playground_answer.js";
import { addressPart, bodyOf, completed, NUMBERS, stateIn, WrongInput } from "./playground_request.js";
import { format } from "./units.js";

const MOST_KEPT = 20;
const LARGEST_IMAGE = 5 * 1024 * 1024;
const page = document.getElementById("playground");

class Playground {
  #settings = JSON.parse(document.getElementById("playground-settings").textContent);
  #list = document.getElementById("pg-messages");
  #system = document.getElementById("pg-system");
  #send = document.getElementById("pg-send");
  #lanes = [...page.querySelectorAll("[data-lane]")];
  #selects = this.#lanes.map((lane) => lane.querySelector("select"));
  #answers = this.#lanes.map((lane) => new Answer(lane, this.#settings));
  #said = document.getElementById("pg-said");
  #history = this.#kept();

  start() {
    const shared = stateIn(location.hash.slice(1));
    this.#restore(shared ?? completed({ messages: [{ role: "user", content: "" }] }));
    this.#showHistory();
    page.addEventListener("submit", (event) => { event.preventDefault(); this.#run(); });
    page.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.#run(); }
    });
    page.addEventListener("input", (event) => { grow(event.target); this.#unmark(event.target); });
    page.addEventListener("change", () => this.#follow());
    page.addEventListener("click", (event) => this.#clicked(event));
    document.querySelector("[data-share]").addEventListener("click", () => this.#share());
    document.querySelector("[data-code]").addEventListener("click", () => this.#code());
    document.querySelector("[data-new]").addEventListener("click", () => this.#fresh());
    document.querySelector("[data-compare]").addEventListener("click", () => this.#compare(this.#lanes[1].hidden));
    window.addEventListener("hashchange", () => { const found = stateIn(location.hash.slice(1)); if (found) this.#restore(found); });
    window.addEventListener("pagehide", () => this.#answers.forEach((answer) => answer.stop()));
  }

  // --- state ---

  #state() {
    const settings = {};
    for (const name of [...NUMBERS, "stop", "tools", "schema", "format"]) settings[name] = page.elements[name].value;
    settings.stream = page.elements.stream.checked;
    if (page.elements.collection) settings.collection = page.elements.collection.value;
    const messages = [...this.#list.children].map((row) => ({
      role: row.querySelector("select").value,
      content: row.querySelector("textarea").value,
      images: [...row.querySelectorAll("[data-image]")].map((image) => image.src),
      ...JSON.parse(row.dataset.tools ?? "{}"),
    }));
    return { system: this.#system.value, messages, models: this.#shown().map((index) => this.#selects[index].value), settings };
  }

  #restore(state) {
    this.#system.value = state.system;
    page.querySelector("[data-system]").open = Boolean(state.system);
    this.#list.replaceChildren();
    for (const message of state.messages.length ? state.messages : [{ role: "user", content: "", images: [] }]) this.#add(message);
    for (const [name, value] of Object.entries(state.settings)) {
      const field = page.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = Boolean(value);
      else field.value = value;
    }
    state.models.forEach((name, index) => { if (this.#offer(name)) this.#selects[index].value = name; });
    this.#compare(state.models.length > 1, false);
    page.querySelectorAll("textarea").forEach(grow);
    this.#follow();
  }

  #shown() {
    return this.#lanes.flatMap((lane, index) => (lane.hidden ? [] : [index]));
  }

  #offer(name) {
    return this.#settings.offers.find((offer) => offer.name === name);
  }

  // --- what depends on what is chosen ---

  #follow() {
    for (const index of this.#shown()) {
      const offer = this.#offer(this.#selects[index].value);
      if (!offer) continue;
      const lane = this.#lanes[index];
      lane.querySelector("[data-price]").textContent = offer.price;
      lane.querySelector("[data-leads]").textContent = offer.kind === "route" ? offer.leads_to : "";
      lane.querySelector("[data-window]").textContent = offer.context_window ? `${offer.context_window} of context` : "";
      lane.querySelector("[data-abilities]").replaceChildren(...offer.capabilities.map((name) => {
        const tag = document.createElement("span");
        tag.className = "tag";
        tag.textContent = name.replace("_", " ");
        return tag;
      }));
    }
    const can = (ability) => this.#shown().some((index) => this.#offer(this.#selects[index].value)?.capabilities.includes(ability));
    for (const label of this.#list.querySelectorAll("[data-add-image]")) label.hidden = !can("vision") || label.closest("li").querySelector("select").value !== "user";
    page.querySelector("[data-schema]").hidden = page.elements.format.value !== "json_schema";
  }

  #compare(on, focus = true) {
    this.#lanes[1].hidden = !on;
    page.querySelector(".pg-lanes").classList.toggle("is-compared", on);
    const button = document.querySelector("[data-compare]");
    button.setAttribute("aria-pressed", String(on));
    button.classList.toggle("active", on);
    if (on && focus) {
      const other = this.#settings.offers.find((offer) => offer.name !== this.#selects[0].value);
      if (other && this.#selects[1].value === this.#selects[0].value) this.#selects[1].value = other.name;
      this.#selects[1].focus();
    }
    if (!on) this.#answers[1].clear();
    this.#follow();
  }

  // --- messages ---

  #add({ role, content, images = [], toolCalls, toolCallId, toolName }, focus = false) {
    const row = document.getElementById("pg-message-template").content.cloneNode(true).firstElementChild;
    const number = this.#list.childElementCount + 1;
    if (toolCalls || toolCallId) {
      // What belongs to a call stays what it is: only its text is for people.
      row.dataset.tools = JSON.stringify(toolCallId ? { toolCallId, toolName } : { toolCalls });
      row.querySelector("select").replaceChildren(new Option(toolCallId ? "Result" : "Assistant", role));
      row.querySelector("[data-tool-note]").textContent = toolCallId ? `What ${toolName} gives back` : `Calls ${toolCalls.map((call) => call.name).join(", ")}`;
    }
    row.querySelector("select").value = role;
    const text = row.querySelector("textarea");
    text.value = content;
    text.setAttribute("aria-label", `Message ${number}`);
    row.querySelector("select").setAttribute("aria-label", `Who says message ${number}`);
    row.querySelector("input[type=file]").addEventListener("change", (event) => this.#addImages(row, event.target));
    for (const url of images) this.#addImage(row, url);
    this.#list.append(row);
    grow(text);
    if (focus) text.focus();
  }

  async #addImages(row, input) {
    for (const file of input.files) {
      if (file.size > LARGEST_IMAGE) this.#say(`“${file.name}” is larger than 5 MiB.`);
      else this.#addImage(row, await dataUrl(file));
    }
    input.value = "";
  }

  #addImage(row, url) {
    if (!url.startsWith("data:image/")) return;
    const shown = document.getElementById("pg-image-template").content.cloneNode(true);
    shown.querySelector("img").src = url;
    row.querySelector("[data-images]").append(shown);
  }

  #clicked(event) {
    const on = (name) => event.target.closest(`[data-${name}]`);
    if (on("remove")) {
      const row = on("remove").closest("li");
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      if (!this.#list.childElementCount) this.#add({ role: "user", content: "" });
      (next ?? this.#list.firstElementChild).querySelector("textarea").focus();
    } else if (on("remove-image")) on("remove-image").closest(".pg-image").remove();
    else if (on("add")) this.#addNext();
    else if (on("continue")) this.#goOn(Number(on("continue").closest("[data-lane]").dataset.lane));
    else if (on("again")) this.#run();
    else if (on("entry")) this.#openEntry(this.#history[Number(on("entry").dataset.entry)]);
    this.#follow();
  }

  #addNext() {
    const last = this.#list.lastElementChild?.querySelector("select").value;
    this.#add({ role: last === "user" ? "assistant" : "user", content: "" }, true);
  }

  #goOn(index) {
    const { text, toolCalls } = this.#answers[index].result;
    const calls = toolCalls.filter(Boolean);
    this.#add({ role: "assistant", content: text, ...(calls.length ? { toolCalls: calls } : {}) });
    if (!calls.length) this.#add({ role: "user", content: "" }, true);
    for (const [at, { id, name }] of calls.entries()) this.#add({ role: "tool", content: "", toolCallId: id, toolName: name }, at === 0);
    this.#say(calls.length ? "Write what the tools give back, then send." : "The answer is part of the conversation now. Write what comes next.");
  }

  // --- calls ---

  async #run() {
    if (this.#answers.some((answer) => answer.running)) {
      this.#answers.forEach((answer) => answer.stop());
      return;
    }
    const state = this.#state();
    const bodies = this.#bodies(state);
    if (!bodies) return;
    this.#busy(true);
    const token = page.elements.csrfmiddlewaretoken.value;
    const shown = this.#shown();
    const results = await Promise.all(shown.map((index, at) => this.#answers[index].send(bodies[at], token)));
    this.#busy(false);
    const failed = results.filter((result) => result.error).length;
    this.#say(failed ? "The call failed." : results.some((result) => result.stopped) ? "Stopped." : "The answer is complete.");
    this.#remember(state, results);
  }

  #bodies(state) {
    for (const field of page.querySelectorAll("[aria-invalid]")) this.#unmark(field);
    try {
      return state.models.map((model) => bodyOf(state, model));
    } catch (error) {
      if (!(error instanceof WrongInput)) throw error;
      this.#mark(error);
      return null;
    }
  }

  #mark({ field, message }) {
    const input = field === "messages" ? this.#list.querySelector("textarea") : page.elements[field];
    const box = document.getElementById(`pg-${field}-error`);
    box.textContent = message;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", box.id);
    input.classList.add("is-invalid");
    const folded = input.closest("details:not([open])");
    if (folded) folded.open = true;
    input.focus();
  }

  #unmark(input) {
    if (!input.hasAttribute("aria-invalid")) return;
    input.removeAttribute("aria-invalid");
    input.classList.remove("is-invalid");
    document.getElementById(input.getAttribute("aria-describedby")).textContent = "";
  }

  #busy(on) {
    this.#send.querySelector("[data-label]").textContent = on ? "Stop" : "Send";
    this.#send.classList.toggle("is-stopping", on);
    this.#said.textContent = on ? "Waiting for the answer." : "";
  }

  #say(text) {
    this.#said.textContent = text;
  }

  // --- history of this tab ---

  #remember(state, results) {
    this.#history.unshift({ at: Date.now(), state: { ...state, messages: state.messages.map((one) => ({ ...one, images: [] })) }, results });
    this.#history.length = Math.min(this.#history.length, MOST_KEPT);
    if (this.#settings.keepsContent) {
      try { sessionStorage.setItem(this.#settings.name, JSON.stringify(this.#history)); } catch { /* full or forbidden: it lasts as long as the page */ }
    }
    this.#showHistory();
  }

  #kept() {
    if (!this.#settings.keepsContent) return [];
    try { return JSON.parse(sessionStorage.getItem(this.#settings.name)) ?? []; } catch { return []; }
  }

  #showHistory() {
    const list = document.getElementById("pg-history");
    document.getElementById("pg-no-history").hidden = this.#history.length > 0;
    list.replaceChildren(...this.#history.map(({ at, state, results }, index) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.entry = index;
      const asked = document.createElement("span");
      asked.className = "pg-asked";
      asked.textContent = state.messages.at(-1)?.content || "No text";
      const facts = document.createElement("span");
      facts.className = "soft";
      const cost = results.reduce((sum, one) => sum + (one.figures.cost ?? 0), 0);
      const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      facts.textContent = [time, state.models.join(" and "), results.some((one) => one.error) ? "failed" : format(cost, "money")].join(" · ");
      button.append(asked, facts);
      item.append(button);
      return item;
    }));
  }

  #openEntry({ state, results }) {
    this.#restore(completed(state));
    results.forEach((result, index) => this.#answers[this.#shown()[index]]?.show(result));
    this.#say("An earlier call is shown.");
  }

  #fresh() {
    this.#answers.forEach((answer) => answer.clear());
    history.replaceState(null, "", location.pathname + location.search);
    this.#restore(completed({ models: this.#state().models, settings: this.#state().settings }));
    this.#list.querySelector("textarea").focus();
  }

  // --- out of here ---

  async #share() {
    const state = this.#state();
    history.replaceState(null, "", `#${addressPart(state, this.#settings.keepsContent)}`);
    let done = true;
    try { await navigator.clipboard.writeText(location.href); } catch { done = false; }
    const what = this.#settings.keepsContent ? "Messages, models and settings are in the address" : "Models and settings are in the address, messages are not: this tenant does not keep content";
    this.#say(done ? `${what}; it is copied.` : `${what} of this page.`);
  }

  async #code() {
    const bodies = this.#bodies(this.#state());
    if (!bodies) return;
    const response = await fetch(this.#settings.code, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": page.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify(bodies[0]),
    });
    const box = document.getElementById("pg-code-body");
    const dialog = document.getElementById("pg-code");
    const parsedAnswer = new DOMParser().parseFromString(await response.text(), "text/html");
    box.replaceChildren(...parsedAnswer.body.childNodes);
    document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: box } }));
    dialog.showModal();
  }
}

// A textarea is as high as its text; rows, since inline styles are not allowed.
function grow(field) {
  if (field.tagName !== "TEXTAREA") return;
  const least = Number(field.dataset.rows ?? 2);
  field.rows = Math.min(24, Math.max(least, field.value.split("\n").reduce((sum, line) => sum + 1 + Math.floor(line.length / 90), 0)));
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

if (page) new Playground().start();
