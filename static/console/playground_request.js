// What the playground sends, and how it is put into an address. Pure functions over one state:
//   {system, messages: [{role, content, images: [dataUrl], toolCalls?, toolCallId?}], models: [name], settings: {...}}

export const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];

export class WrongInput extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

// The body of /v1/chat/completions. Throws WrongInput, which names the field that is to be mended.
export function bodyOf(state, model) {
  const messages = state.messages.filter((one) => one.content.trim() || one.images.length || one.toolCalls?.length || one.toolCallId).map(messageOf);
  if (!messages.length) throw new WrongInput("messages", "Write a message first.");
  if (state.system.trim()) messages.unshift({ role: "system", content: state.system });
  const body = { ...(model ? { model } : {}), messages };
  const { settings } = state;
  for (const name of NUMBERS) {
    const text = (settings[name] ?? "").trim();
    if (text === "") continue;
    const value = Number(text);
    if (!Number.isFinite(value)) throw new WrongInput(name, "Write a number.");
    body[name] = value;
  }
  const stop = (settings.stop ?? "").split("\n").filter(Boolean);
  if (stop.length) body.stop = stop;
  const tools = parsed(settings.tools, "tools", "Tools are a JSON list.");
  if (tools !== undefined) {
    if (!Array.isArray(tools)) throw new WrongInput("tools", "Tools are a JSON list.");
    body.tools = tools;
  }
  const format = formatOf(settings);
  if (format) body.response_format = format;
  if (settings.stream) body.stream = true;
  if (settings.collection) {
    body.mode = "rag";
    if (settings.collection !== "*") body.retrieval = { collections: [settings.collection] };
  }
  return body;
}

function messageOf({ role, content, images, toolCalls, toolCallId }) {
  if (toolCallId) return { role: "tool", tool_call_id: toolCallId, content };
  if (toolCalls?.length) return { role, content: content || null, tool_calls: toolCalls.map(({ id, name, arguments: given }) => ({ id, type: "function", function: { name, arguments: given } })) };
  if (!images.length) return { role, content };
  const text = content.trim() ? [{ type: "text", text: content }] : [];
  return { role, content: [...text, ...images.map((url) => ({ type: "image_url", image_url: { url } }))] };
}

function formatOf(settings) {
  if (settings.format === "json_object") return { type: "json_object" };
  if (settings.format !== "json_schema") return undefined;
  const schema = parsed(settings.schema, "schema", "The schema is a JSON object.");
  if (schema === undefined || schema === null || Array.isArray(schema) || typeof schema !== "object") throw new WrongInput("schema", "The schema is a JSON object.");
  return { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
}

function parsed(text, field, wrong) {
  if (!(text ?? "").trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WrongInput(field, `${wrong} ${error.message}`);
  }
}

// --- in an address: after the #, which browsers keep to themselves ---

// Images are left out: no address is that long. Without content only models and settings are in it.
export function addressPart(state, withContent) {
  const kept = { models: state.models, settings: state.settings };
  if (withContent) {
    kept.system = state.system;
    kept.messages = state.messages.map(({ images, ...rest }) => rest);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(kept));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// The state in an address; null where there is none that can be read.
export function stateIn(part) {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    return completed(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

// Whatever is missing or of another kind becomes what a fresh page has.
export function completed(given) {
  const messages = Array.isArray(given?.messages) ? given.messages : [];
  return {
    system: String(given?.system ?? ""),
    messages: messages.map(messageIn),
    models: (Array.isArray(given?.models) ? given.models : []).slice(0, 2).map(String),
    settings: { stream: true, ...(given?.settings ?? {}) },
  };
}

function messageIn(given) {
  const message = { role: ["assistant", "tool"].includes(given?.role) ? given.role : "user", content: String(given?.content ?? ""), images: Array.isArray(given?.images) ? given.images : [] };
  if (message.role === "assistant" && Array.isArray(given.toolCalls)) message.toolCalls = given.toolCalls.map((call) => ({ id: String(call?.id), name: String(call?.name), arguments: String(call?.arguments) }));
  if (message.role === "tool") Object.assign(message, { toolCallId: String(given.toolCallId), toolName: String(given.toolName) });
  return message;
}
