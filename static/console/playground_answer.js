// One answer of the playground: sends a call, shows what arrives, and keeps its figures.
import { eventsOf } from "./event_stream.js";
import { sourcesOf, withLinks } from "./playground_sources.js";
import { format } from "./units.js";

export class Answer {
  #lane;
  #settings;
  #abort = null;

  // `lane` is the element of one column; `settings` is what the page knows (addresses, advice).
  constructor(lane, settings) {
    this.#lane = lane;
    this.#settings = settings;
    lane.querySelector("[data-stop]").addEventListener("click", () => this.stop());
  }

  get running() {
    return this.#abort !== null;
  }

  stop() {
    this.#abort?.abort();
  }

  clear() {
    this.stop();
    this.result = null;
    this.#part("text").textContent = "";
    this.#part("thinking").textContent = "";
    this.#part("tools").replaceChildren();
    this.#part("sources").replaceChildren();
    this.#part("sources").hidden = true;
    this.#part("figures").replaceChildren();
    this.#part("error").replaceChildren();
    this.#lane.dataset.state = "empty";
  }

  // Resolves to {text, toolCalls, figures, error}; never throws.
  async send(body, token) {
    this.clear();
    const result = { text: "", thinking: "", toolCalls: [], citations: [], figures: {}, error: null };
    this.#abort = new AbortController();
    this.#lane.dataset.state = "running";
    const began = performance.now();
    try {
      const response = await fetch(this.#settings.answer, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify(body),
        signal: this.#abort.signal,
      });
      if (!response.ok) throw new Error(response.status === 403 ? "You are signed out, or may not make calls here. Load the page again." : `The page's server answers ${response.status}.`);
      for await (const event of eventsOf(response)) this.#take(event, result, began);
      if (!result.error && !result.figures.id && !result.text && !result.toolCalls.length) throw new Error("The answer broke off.");
    } catch (error) {
      if (error.name === "AbortError") result.stopped = true;
      else result.error ??= { code: "", message: error instanceof TypeError ? "The server cannot be reached." : error.message };
    }
    this.#abort = null;
    result.figures.total = performance.now() - began;
    this.show(result);
    return result;
  }

  // A result, also one of the history.
  show(result) {
    this.result = result;
    const citations = result.citations ?? [];
    this.#part("text").replaceChildren(...withLinks(result.text, citations, this.#settings));
    this.#part("thinking").textContent = result.thinking ?? "";
    this.#part("sources").replaceChildren(...sourcesOf(citations, this.#settings));
    this.#part("sources").hidden = !citations.length;
    this.#showTools(result.toolCalls);
    this.#showError(result.error);
    this.#showFigures(result);
    this.#lane.dataset.state = result.error ? "failed" : result.stopped ? "stopped" : "done";
  }

  #part(name) {
    return this.#lane.querySelector(`[data-answer-${name}]`);
  }

  #take({ event, data }, result, began) {
    if (data === "[DONE]") return;
    const body = JSON.parse(data);
    if (event === "head") {
      result.figures.target = body.headers["x-breakwater-target"] ?? "";
      result.figures.id = body.headers["x-correlation-id"] ?? "";
      return;
    }
    if (body.error) {
      result.error = body.error;
      return;
    }
    for (const choice of (body.choices ?? []).slice(0, 1)) this.#takeChoice(choice.delta ?? choice.message ?? {}, choice, result, began);
    this.#takeFacts(body, result.figures);
    if (body.citations?.length) result.citations = body.citations;
    this.#part("text").textContent = result.text;
    this.#part("thinking").textContent = result.thinking;
  }

  #takeChoice(delta, choice, result, began) {
    const text = delta.content ?? "";
    const thinking = delta.reasoning_content ?? "";
    if ((text || thinking || delta.tool_calls) && choice.delta && result.figures.first === undefined) result.figures.first = performance.now() - began;
    result.text += text;
    result.thinking += thinking;
    for (const [position, call] of (delta.tool_calls ?? []).entries()) {
      const kept = (result.toolCalls[call.index ?? position] ??= { id: "", name: "", arguments: "" });
      kept.id ||= call.id ?? "";
      kept.name += call.function?.name ?? "";
      kept.arguments += call.function?.arguments ?? "";
    }
    if (choice.finish_reason) result.figures.finish = choice.finish_reason;
  }

  #takeFacts(body, figures) {
    if (body.usage) {
      figures.input = body.usage.prompt_tokens ?? body.usage.input_tokens;
      figures.output = body.usage.completion_tokens ?? body.usage.output_tokens;
    }
    if (body.cost) figures.cost = body.cost.nanousd;
    if (body.retrieval) figures.passages = body.retrieval.passages;
    if (body.grounding) figures.risk = body.grounding.risk;
    if (body.route) figures.route = body.route;
    if (body.correlation_id) figures.id = body.correlation_id;
    if (body.provider) figures.target = `${body.provider}/${body.model}`;
  }

  #showTools(calls) {
    this.#part("tools").replaceChildren(...calls.filter(Boolean).map((call) => {
      const block = document.createElement("div");
      block.className = "pg-tool";
      const name = document.createElement("strong");
      name.textContent = `Calls ${call.name}`;
      const code = document.createElement("pre");
      code.tabIndex = 0;
      code.textContent = pretty(call.arguments);
      block.append(name, code);
      return block;
    }));
  }

  #showError(error) {
    const box = this.#part("error");
    box.replaceChildren();
    if (!error) return;
    const advice = this.#settings.advice[error.code] ?? this.#settings.advice[""];
    const notice = document.getElementById("pg-error-template").content.cloneNode(true);
    notice.querySelector("[data-title]").textContent = advice.title;
    notice.querySelector("[data-advice]").textContent = advice.text;
    notice.querySelector("[data-message]").textContent = error.message;
    const link = notice.querySelector("a");
    if (advice.url) {
      link.href = advice.url;
      link.textContent = advice.label;
    } else link.remove();
    box.append(notice);
  }

  #showFigures({ figures, stopped }) {
    const rows = [];
    const add = (label, value) => { if (value !== undefined && value !== null && value !== "") rows.push([label, value]); };
    if (stopped) add("Ended", "Stopped by you");
    else if (figures.finish === "length") add("Ended", "At the longest answer");
    add("First token", figures.first !== undefined ? format(figures.first, "ms") : undefined);
    add("Total", figures.total !== undefined ? format(figures.total, "ms") : undefined);
    add("Tokens", figures.input !== undefined ? `${format(figures.input)} in, ${format(figures.output ?? 0)} out` : undefined);
    const seconds = (figures.total - (figures.first ?? 0)) / 1000;
    if (figures.output > 1 && figures.first !== undefined && seconds > 0.05) add("Speed", `${format(figures.output / seconds, "short")} tokens/s`);
    add("Cost", figures.cost === null ? "Price unknown" : figures.cost !== undefined ? format(figures.cost, "money") : undefined);
    add("Answered by", figures.target);
    add("Passages", figures.passages !== undefined ? format(figures.passages) : undefined);
    add("Risk", figures.risk !== undefined ? `${Math.round(figures.risk * 100)}% that something is not borne out` : undefined);
    const list = rows.map(([label, value]) => {
      const pair = document.createElement("div");
      const term = document.createElement("dt");
      const shown = document.createElement("dd");
      term.textContent = label;
      shown.textContent = value;
      pair.append(term, shown);
      return pair;
    });
    this.#part("figures").replaceChildren(...list);
    const link = this.#lane.querySelector("[data-run]");
    link.hidden = !(figures.id && this.#settings.run);
    if (!link.hidden) link.href = this.#settings.run.replace(this.#settings.anyRun, encodeURIComponent(figures.id));
  }
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
