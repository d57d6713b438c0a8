// Keeps pages up to date without polling. One connection per page; every element with `data-live` hears of its events.
//
//   <meta name="live-socket" content="/v1/ws?tenant=acme">          what the page watches ("*": the whole platform)
//   <div data-live="llm.request.* breaker.*"                        types, separated by spaces; `*` matches the rest
//        data-live-tenant="ID …" data-live-route="NAME …"           only of these, where given
//        data-live-throttle="1000" hx-trigger="live" hx-get="…">    at most one `live` event in so many milliseconds
//   <div data-live="…" data-live-waits>                             waits for something: told once as the page becomes live,
//                                                                   as it may have happened while the page was on its way
//   <span data-live-state="connecting" hidden></span>               shows whether the page is live
//
// `live` has detail {count, types, catchup}: how many events since the last one; catchup: whatever was missed meanwhile.

import { LiveConnection } from "./live_connection.js";

const THROTTLE_MS = 1000;
// Events of one call arrive together: one refresh for all of them.
const GATHER_MS = 50;
// Somebody who looks at another tab for a moment keeps the connection.
const HIDDEN_MS = 5000;
// A page that took longer to connect than this may have been out of date before it was live.
const SLOW_START_MS = 3000;

const TEXTS = {
  connecting: "Connecting",
  live: "Live",
  disconnected: "Disconnected, reconnecting",
  paused: "Paused",
  refused: "Not live: sign in again",
  idle: "",
};

const words = (text) => (text ?? "").split(/[\s,]+/).filter(Boolean);

// --- what an element wants

export function selectionOf(element, detail = "summary") {
  const fields = { event_types: words(element.dataset.live ?? element.dataset.liveTail), detail };
  const tenants = words(element.dataset.liveTenant);
  const routes = words(element.dataset.liveRoute);
  if (tenants.length) fields.tenants = tenants;
  if (routes.length) fields.routes = routes;
  return fields;
}

function typeMatches(selection, type) {
  return selection.event_types.some((name) =>
    name.endsWith("*") ? type.startsWith(name.slice(0, -1)) : name === type,
  );
}

const oneOf = (wanted, value) => !wanted || value === "*" || wanted.includes(value);

export function matches(selection, { event_type: type, tenant_id: tenant, route }) {
  return typeMatches(selection, type) && oneOf(selection.tenants, tenant) && oneOf(selection.routes, route);
}

// --- elements

// Dispatches `live` at an element: soon after the first event, then at most once per throttle, the last one included.
class LiveElement {
  #element;
  #timer = 0;
  #lastAt;
  #count = 0;
  #types = new Set();
  #catchup = false;

  constructor(element, lastAt) {
    this.#element = element;
    this.#lastAt = lastAt;
    this.selection = selectionOf(element);
    this.attributes = attributesOf(element);
    this.key = keyOf(element);
  }

  get lastAt() {
    return this.#lastAt;
  }

  note(type, count) {
    this.#count += count;
    this.#types.add(type);
    this.#schedule();
  }

  catchUp() {
    this.#catchup = true;
    this.#schedule();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  get waits() {
    return this.#element.dataset.liveWaits !== undefined;
  }

  resume() {
    if (this.#count || this.#catchup) this.#schedule();
  }

  #schedule() {
    if (this.#timer || document.visibilityState === "hidden") return;
    const given = Number.parseInt(this.#element.dataset.liveThrottle, 10);
    const throttle = Number.isFinite(given) ? given : THROTTLE_MS;
    const wait = Math.max(GATHER_MS, this.#lastAt + throttle - performance.now());
    this.#timer = setTimeout(() => this.#dispatch(), wait);
  }

  #dispatch() {
    this.#timer = 0;
    if (!this.#element.isConnected) return;
    this.#lastAt = performance.now();
    const detail = { count: this.#count, types: [...this.#types], catchup: this.#catchup };
    this.#count = 0;
    this.#types.clear();
    this.#catchup = false;
    this.#element.dispatchEvent(new CustomEvent("live", { detail, bubbles: false }));
  }
}

function attributesOf(element) {
  const { live, liveTail, liveTenant, liveRoute } = element.dataset;
  return JSON.stringify([live ?? liveTail, liveTenant, liveRoute]);
}

// A fragment that replaces itself is still the same one: it must not be refreshed sooner for that.
const keyOf = (element) => element.id || attributesOf(element);

// --- the page

class LivePage {
  #elements = new Map();
  #listeners = new Map();
  #connection = null;
  #scanning = false;
  #hiding = 0;
  #wasLive = false;
  #missed = false;
  #numbers = new Map();
  #lastAt = new Map();

  start() {
    const address = document.querySelector("meta[name=live-socket]")?.content;
    if (!address) return;
    const url = new URL(address, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#connection = new LiveConnection(url.href, {
      onState: (state) => this.#became(state),
      onMessage: (message) => this.#message(message),
    });
    new MutationObserver((changes) => this.#changed(changes)).observe(document.body, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-tenant", "data-live-route"],
    });
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#connection.openNow());
    window.addEventListener("pagehide", () => this.#connection.pause());
    window.addEventListener("pageshow", (event) => event.persisted && this.#open());
    this.#scan();
    if (document.visibilityState === "hidden") this.#connection.pause();
  }

  // Envelopes instead of DOM events, for tails. Returns what ends it.
  listen(selection, listener) {
    const listening = { selection, listener };
    this.#listeners.set(listening, listening);
    this.#subscribe();
    return () => {
      this.#listeners.delete(listening);
      this.#subscribe();
    };
  }

  // --- elements that come and go

  #changed(changes) {
    // Rows of a tail are many, and none of them is live.
    if (!this.#scanning && changes.some(({ target }) => !target.closest?.("[data-live-tail]"))) {
      this.#scanning = true;
      queueMicrotask(() => this.#scan());
    }
  }

  #scan() {
    this.#scanning = false;
    const found = new Set(document.querySelectorAll("[data-live]"));
    for (const [element, live] of this.#elements) {
      if (found.has(element) && live.attributes === attributesOf(element)) continue;
      live.stop();
      this.#lastAt.set(live.key, live.lastAt);
      this.#elements.delete(element);
    }
    for (const element of found) {
      if (this.#elements.has(element)) continue;
      this.#elements.set(element, new LiveElement(element, this.#lastAt.get(keyOf(element)) ?? -Infinity));
    }
    this.#subscribe();
  }

  #subscribe() {
    if (!this.#connection) return;
    this.#show();
    const wanted = new Map();
    const selections = [...this.#elements.values(), ...this.#listeners.values()].map((one) => one.selection);
    for (const selection of selections) wanted.set(this.#idOf(selection), selection);
    this.#connection.subscribeTo(wanted);
    if (wanted.size && document.visibilityState !== "hidden") this.#open();
  }

  #idOf(selection) {
    const key = JSON.stringify(selection);
    if (!this.#numbers.has(key)) this.#numbers.set(key, `s${this.#numbers.size + 1}`);
    return this.#numbers.get(key);
  }

  // --- messages

  #message(message) {
    if (message.type === "summary") {
      for (const row of message.events) this.#note(row);
    } else if (message.type === "run.event") {
      this.#envelope(message.event);
    } else if (message.type === "dropped") {
      for (const { listener } of this.#listeners.values()) listener({ dropped: message.count });
    } else if (message.type === "error") {
      console.warn("Live:", message.error.message);
    }
  }

  #note(row) {
    for (const live of this.#elements.values()) {
      if (matches(live.selection, row)) live.note(row.event_type, row.count);
    }
  }

  #envelope(event) {
    const about = { ...event, route: event.payload.route ?? "" };
    for (const { selection, listener } of this.#listeners.values()) {
      if (matches(selection, about)) listener({ event });
    }
  }

  // --- state

  #became(state) {
    this.#show();
    if (state === "live") {
      if (this.#missed || (!this.#wasLive && performance.now() > SLOW_START_MS)) this.#catchUp();
      else if (!this.#wasLive) for (const live of this.#elements.values()) if (live.waits) live.catchUp();
      this.#wasLive = true;
      this.#missed = false;
    } else if (this.#wasLive) {
      this.#missed = true;
    }
  }

  #catchUp() {
    for (const live of this.#elements.values()) live.catchUp();
    for (const { listener } of this.#listeners.values()) listener({ gap: true });
  }

  #show() {
    const watching = this.#elements.size + this.#listeners.size;
    const state = watching ? this.#connection.state : "idle";
    for (const indicator of document.querySelectorAll("[data-live-state], [data-live-indicator]")) {
      if (indicator.dataset.liveState === state && indicator.dataset.liveShown) continue;
      indicator.dataset.liveState = state;
      indicator.dataset.liveShown = "true";
      indicator.hidden = state === "idle";
      // That a page becomes live as it opens is no news; that it stops being live is.
      indicator.setAttribute("aria-live", this.#wasLive ? "polite" : "off");
      const text = indicator.querySelector("[data-live-text]") ?? indicator;
      text.textContent = indicator.getAttribute(`data-live-text-${state}`) ?? TEXTS[state];
    }
  }

  #open() {
    if (document.visibilityState === "hidden") return;
    if (this.#elements.size || this.#listeners.size) this.#connection.open();
  }

  #visibility() {
    clearTimeout(this.#hiding);
    if (document.visibilityState === "hidden") {
      for (const live of this.#elements.values()) live.stop();
      this.#hiding = setTimeout(() => this.#connection.pause(), HIDDEN_MS);
    } else {
      for (const live of this.#elements.values()) live.resume();
      this.#open();
    }
  }
}

// Everything that imports this module names it by the same digest, so there is one page and one connection.
const page = new LivePage();
// Modules run once the document is parsed.
page.start();

export const listen = (selection, listener) => page.listen(selection, listener);
