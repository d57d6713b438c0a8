// One WebSocket to /v1/ws that comes back by itself. Knows the protocol (docs/EVENTS.md), nothing of the page.

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const PING_MS = 20_000;
const SILENCE_MS = 45_000;
const OPENING_MS = 10_000;
const FRAME_MS = 100;

// Reconnecting cannot mend these: not signed in, not allowed.
const FINAL_CODES = new Set([4401, 4403]);

// Full jitter above half: many pages that lost the same server do not come back at the same instant.
export function retryDelay(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (random() * ceiling) / 2;
}

// States: "connecting", "live", "disconnected", "paused", "refused".
export class LiveConnection {
  #address;
  #onState;
  #onMessage;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #opening = 0;
  #pinging = 0;
  #heardAt = 0;
  #subscriptions = new Map();
  state = "paused";

  constructor(address, { onState, onMessage }) {
    this.#address = address;
    this.#onState = onState;
    this.#onMessage = onMessage;
  }

  // Does not hurry a reconnection that waits for its time.
  open() {
    if (!this.#retry) this.openNow();
  }

  openNow() {
    if (this.#socket || this.state === "refused") return;
    this.#stopWaiting();
    this.#become("connecting");
    const socket = new WebSocket(this.#address, ["breakwater.v1"]);
    this.#socket = socket;
    // A server that takes the handshake and says nothing is not there.
    this.#opening = setTimeout(() => this.#lost(), OPENING_MS);
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", (event) => this.#heard(socket, event.data));
    socket.addEventListener("close", (event) => this.#closed(socket, event.code));
  }

  pause() {
    this.#stopWaiting();
    this.#drop();
    if (this.state !== "refused") this.#become("paused");
  }

  // Replaces the whole set: a Map from id to the fields of a subscribe message.
  subscribeTo(wanted) {
    for (const id of this.#subscriptions.keys()) {
      if (!wanted.has(id)) this.#send({ type: "unsubscribe", id });
    }
    for (const [id, fields] of wanted) {
      if (!this.#subscriptions.has(id)) this.#send({ type: "subscribe", id, ...fields });
    }
    this.#subscriptions = new Map(wanted);
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    this.#send({ type: "configure", frame_ms: FRAME_MS });
    for (const [id, fields] of this.#subscriptions) this.#send({ type: "subscribe", id, ...fields });
    // Answered after the subscriptions were carried out: whatever happens from then on is heard.
    this.#send({ type: "ping" });
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
  }

  // A connection that a sleeping laptop or a router forgot looks open: only silence tells.
  #ping() {
    if (Date.now() - this.#heardAt > SILENCE_MS) this.#lost();
    else this.#send({ type: "ping" });
  }

  #heard(socket, text) {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    this.#handle(JSON.parse(text));
  }

  #handle(message) {
    if (message.type === "frame") {
      for (const one of message.messages) this.#handle(one);
    } else if (message.type === "pong") {
      clearTimeout(this.#opening);
      this.#attempt = 0;
      this.#become("live");
    } else {
      this.#onMessage(message);
    }
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#drop();
    if (FINAL_CODES.has(code)) this.#become("refused");
    else this.#lost();
  }

  #lost() {
    this.#drop();
    this.#become("disconnected");
    this.#retry = setTimeout(() => this.openNow(), retryDelay(this.#attempt));
    this.#attempt += 1;
  }

  #stopWaiting() {
    clearTimeout(this.#retry);
    this.#retry = 0;
  }

  #drop() {
    clearTimeout(this.#opening);
    clearInterval(this.#pinging);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#onState(state);
  }
}
