// What an answer cites: links from its marks, and the passages below it.

// The address of the document's page with the passage marked; empty for who may not read documents.
function urlOf(citation, settings) {
  if (!settings.document) return "";
  return `${settings.document.replace(settings.anyDocument, encodeURIComponent(citation.document_id))}?at=${citation.start}-${citation.end}`;
}

function linked(text, url) {
  const link = document.createElement(url ? "a" : "span");
  link.textContent = text;
  if (url) link.href = url;
  return link;
}

// The answer's text as nodes, its marks as links. Places count characters as the gateway does, not UTF-16 units.
export function withLinks(text, citations, settings) {
  const marks = citations.flatMap((one) => one.cited_at.map(({ start, end }) => ({ start, end, one })));
  // Of a mark that cites several, such as [1, 2], the first is linked; all are listed below.
  marks.sort((a, b) => a.start - b.start || a.one.number - b.one.number);
  const characters = Array.from(text);
  const nodes = [];
  let at = 0;
  for (const { start, end, one } of marks) {
    if (start < at || end > characters.length) continue;
    nodes.push(document.createTextNode(characters.slice(at, start).join("")));
    const link = linked(characters.slice(start, end).join(""), urlOf(one, settings));
    link.title = one.title;
    nodes.push(link);
    at = end;
  }
  nodes.push(document.createTextNode(characters.slice(at).join("")));
  return nodes;
}

// A list of the passages that are cited, with their beginnings.
export function sourcesOf(citations, settings) {
  if (!citations.length) return [];
  const list = document.createElement("ol");
  for (const one of citations) {
    const item = document.createElement("li");
    item.value = one.number;
    const quote = document.createElement("q");
    quote.textContent = one.quote;
    item.append(linked(one.title || one.external_id, urlOf(one, settings)), ` in ${one.collection} `, quote);
    list.append(item);
  }
  return [list];
}
