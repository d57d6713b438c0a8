// A table body that shows events as they happen, newest first.
//
//   <div data-tail>
//     <button data-tail-pause aria-pressed="false">Pause</button> <input data-tail-filter> <button data-tail-clear>
//     <span data-tail-waiting></span>  <span data-tail-dropped role="status"></span>
//     <table><tbody data-live-tail="llm.request.completed" data-live-route="chat" data-live-tail-most="500">
//       <template><tr>
//         <td><time data-value="timestamp" data-format="time"></time></td>
//         <td><a data-value="correlation_id" data-href="/console/requests/{correlation_id}"></a></td>
//         <td data-value="payload.cost_nanousd" data-format="money"></td>
//         <td data-value="tenant_id" data-names="names"></td>      through the JSON object in the script with this id
//       </tr></template>
//     </tbody></table>
//   </div>
//
// Rows are clones of the template, filled as text. Each gets data-event-type and data-event-id.
// Types, tenants and routes are chosen by the server (live.js has the attributes); the filter is the page's own.

import { listen, selectionOf } from "./live.js";
import { format } from "./units.js";

const MOST_ROWS = 500;
// Nobody reads faster, and laying out a table costs: rows come together, that often at most, and less often where it
// takes the machine long: half of its time is for whatever else the page does.
const RENDER_MS = 100;
const SLOWEST_RENDER_MS = 400;

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const whole = new Intl.NumberFormat("en-US");

const FORMATS = {
  text: (value) => String(value),
  int: (value) => whole.format(value),
  time: (value) => clock.format(new Date(value)),
  ms: (value) => format(value, "ms"),
  money: (value) => format(value, "money"),
};
const NOTHING = "–";

function valueAt(event, path) {
  return path.split(".").reduce((value, name) => value?.[name], event);
}

function addressOf(pattern, event) {
  return pattern.replace(/\{([\w.]+)\}/g, (_, path) => encodeURIComponent(valueAt(event, path) ?? ""));
}

const known = new Map();
function namesIn(id) {
  if (!known.has(id)) known.set(id, JSON.parse(document.getElementById(id).textContent));
  return known.get(id);
}

export class Tail {
  #root;
  #body;
  #template;
  #most;
  #queue = [];
  #rows = [];
  #paused = false;
  #scheduled = false;
  #renderedAt = -Infinity;
  #pauseMs = RENDER_MS;
  #filter = "";
  #dropped = 0;

  constructor(body) {
    this.#body = body;
    this.#root = body.closest("[data-tail]") ?? body.parentElement;
    this.#template = body.querySelector("template").content.firstElementChild;
    this.#most = Number.parseInt(body.dataset.liveTailMost, 10) || MOST_ROWS;
    this.#controls();
    const end = listen(selectionOf(body, "events"), (told) => this.#told(told));
    this.end = () => {
      end();
      this.#queue = [];
    };
  }

  get connected() {
    return this.#body.isConnected;
  }

  #told({ event, dropped, gap }) {
    if (event) this.#queue.push(event);
    if (dropped) this.#dropped += dropped;
    if (gap) this.#body.dispatchEvent(new CustomEvent("tailgap", { bubbles: true }));
    // More than fit would be gone before anybody saw them.
    if (this.#queue.length > this.#most * 2) this.#shorten();
    this.#schedule();
  }

  #shorten() {
    const surplus = this.#queue.length - this.#most;
    this.#queue.splice(0, surplus);
    this.#dropped += surplus;
  }

  // --- drawing

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#renderedAt + this.#pauseMs - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(() => this.#render()), wait);
    else requestAnimationFrame(() => this.#render());
  }

  #render() {
    this.#scheduled = false;
    this.#renderedAt = performance.now();
    if (!this.#paused && this.#queue.length) this.#append();
    this.#count();
    // Runs after the frame was laid out and painted.
    setTimeout(() => {
      const cost = performance.now() - this.#renderedAt;
      this.#pauseMs = Math.min(SLOWEST_RENDER_MS, Math.max(RENDER_MS, cost * 2));
    });
  }

  #append() {
    if (this.#queue.length > this.#most) this.#shorten();
    const events = this.#queue;
    this.#queue = [];
    const fragment = document.createDocumentFragment();
    const rows = events.map((event) => this.#row(event));
    for (let number = rows.length - 1; number >= 0; number -= 1) fragment.append(rows[number]);
    this.#body.prepend(fragment);
    this.#rows.push(...rows);
    const surplus = this.#rows.length - this.#most;
    if (surplus > 0) for (const row of this.#rows.splice(0, surplus)) row.remove();
    this.#body.dispatchEvent(new CustomEvent("tailrows", { detail: { events }, bubbles: true }));
  }

  #row(event) {
    const row = this.#template.cloneNode(true);
    row.dataset.eventType = event.event_type;
    row.dataset.eventId = event.event_id;
    for (const cell of row.querySelectorAll("[data-value]")) this.#fill(cell, event);
    if (this.#filter) row.hidden = !this.#passes(row);
    return row;
  }

  #fill(cell, event) {
    const { value: path, format, href, names } = cell.dataset;
    let value = valueAt(event, path);
    if (names) value = namesIn(names)[value] ?? value;
    cell.textContent = value === undefined || value === null ? NOTHING : (FORMATS[format] ?? FORMATS.text)(value);
    if (cell instanceof HTMLTimeElement) cell.dateTime = value;
    if (href) cell.setAttribute("href", addressOf(href, event));
  }

  // --- controls

  #controls() {
    this.#control("pause")?.addEventListener("click", () => this.pause(!this.#paused));
    this.#control("clear")?.addEventListener("click", () => this.clear());
    this.#control("filter")?.addEventListener("input", (event) => this.filter(event.target.value));
  }

  #control(name) {
    return this.#root.querySelector(`[data-tail-${name}]`);
  }

  pause(paused) {
    this.#paused = paused;
    const button = this.#control("pause");
    if (button) {
      button.setAttribute("aria-pressed", String(paused));
      button.textContent = paused ? "Resume" : "Pause";
    }
    this.#schedule();
  }

  clear() {
    for (const row of this.#rows) row.remove();
    this.#rows = [];
    this.#queue = [];
    this.#dropped = 0;
    this.#schedule();
  }

  filter(text) {
    this.#filter = text.trim().toLowerCase();
    for (const row of this.#rows) row.hidden = !this.#passes(row);
  }

  #passes(row) {
    return row.textContent.toLowerCase().includes(this.#filter) || row.dataset.eventType.includes(this.#filter);
  }

  #count() {
    const waiting = this.#paused ? this.#queue.length : 0;
    this.#say("waiting", waiting ? `${whole.format(waiting)} new` : "");
    this.#say("dropped", this.#dropped ? `${whole.format(this.#dropped)} not shown: too many at once` : "");
  }

  #say(name, text) {
    const place = this.#control(name);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

const tails = new Map();

function scan() {
  for (const [body, tail] of tails) {
    if (tail.connected) continue;
    tail.end();
    tails.delete(body);
  }
  for (const body of document.querySelectorAll("tbody[data-live-tail]")) {
    if (!tails.has(body)) tails.set(body, new Tail(body));
  }
}

// htmx tells of every fragment it puts in.
document.addEventListener("htmx:afterSettle", scan);
scan();
