// Paste a page and see it cut: segments as cards, and the original with its junk greyed.

import { call, topics } from "./api.js";
import { byId, h, problem, show } from "./dom.js";
import { card } from "./segment.js";

const PAUSE = 350; // milliseconds after typing stops
const DRAFT = "wiretag.draft";

let timer = null;
let running = null;

export function start() {
  const source = byId("source");
  source.value = sessionStorage.getItem(DRAFT) ?? "";
  source.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(classify, PAUSE); });
  source.addEventListener("paste", () => { clearTimeout(timer); timer = setTimeout(classify, 0); });
  byId("classify-form").addEventListener("submit", (event) => { event.preventDefault(); classify(); });
  byId("form").addEventListener("change", () => { setForm(byId("form").value); classify(); });
  byId("clear").addEventListener("click", () => { source.value = ""; classify(); source.focus(); });
  byId("file").addEventListener("change", (event) => { open(event.target.files[0]); event.target.value = ""; });
  const area = byId("classify-form");
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
}

export function enter(options) {
  byId("form").value = ["page", "text", "html"].includes(options.get("as")) ? options.get("as") : "auto";
  if (byId("source").value.trim() && !byId("segments").childElementCount) classify();
}

function setForm(form) {
  history.replaceState(null, "", form === "auto" ? "#classify" : `#classify?as=${form}`);
}

async function open(file) {
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = null;
  if (!bytes.subarray(0, 65536).includes(0)) {
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch { /* told below */ }
  }
  if (text === null) {
    show(byId("classify-problem"), problem({ title: "Not a text.", message: `${file.name} is not UTF-8 text. Save the page as text or HTML and open that.` }));
    return;
  }
  byId("source").value = text;
  classify();
}

const looksLikeHtml = (text) => /^\s*<(!doctype|html|head|body|article|div|p|h1)[\s>]/i.test(text);

async function classify() {
  clearTimeout(timer);
  running?.abort();
  const text = byId("source").value;
  try { sessionStorage.setItem(DRAFT, text); } catch { sessionStorage.removeItem(DRAFT); } // too long to keep
  show(byId("classify-problem"));
  if (!text.trim()) {
    show(byId("segments"), h("p", { class: "soft" }, "Nothing yet. Segments appear here as soon as there is a text."));
    show(byId("original"));
    show(byId("classify-status"));
    return;
  }
  const chosen = byId("form").value;
  const form = chosen === "auto" ? (looksLikeHtml(text) ? "html" : "page") : chosen;
  const mine = new AbortController();
  running = mine;
  const started = performance.now();
  try {
    const [all, result] = await Promise.all([topics(), call("POST", "/classify", { [form]: text, explain: true }, {}, mine.signal)]);
    if (running !== mine) return;
    draw(all, result, form === "html" ? result.page : text, form);
    const took = Math.round(performance.now() - started);
    show(byId("classify-status"), `${form === "text" ? "One text" : `${result.segments.length} segments`} in ${took} ms, by ${result.model_version}`);
  } catch (error) {
    if (error.name === "AbortError") return;
    show(byId("classify-problem"), problem(error));
    show(byId("classify-status"));
  }
}

function draw(all, result, page, form) {
  const letters = Array.from(page); // spans count code points
  const found = form === "text"
    ? [{ ...result, role: "text", headline: null, text: page, spans: [[0, letters.length]], pieces: [{ text: page, start: 0, field: "text" }] }]
    : result.segments.map((each) => ({ ...each, model_version: result.model_version, pieces: each.spans.map(([start, end]) => ({ text: letters.slice(start, end).join(""), start, field: "page" })) }));
  const parts = original(letters, found);
  show(byId("segments"), ...(found.length ? found.map((each, index) => card(each, all, { onselect: () => mark(parts, index) })) : [h("p", { class: "soft" }, "No segment: all of this page looks like junk.")]));
  show(byId("original"), ...parts.map((part) => part.element));
}

// The page in order: what belongs to a segment, and the rest greyed.
function original(letters, found) {
  const spans = found.flatMap((each, index) => each.spans.map(([start, end]) => ({ start, end, index }))).sort((a, b) => a.start - b.start);
  const parts = [];
  let at = 0;
  const add = (start, end, index) => {
    if (end <= start) return;
    const text = letters.slice(start, end).join("");
    const name = index === null ? "junk" : `of ${found[index].role}`;
    parts.push({ index, element: h("span", { class: name, dir: "auto", title: index === null ? "left out" : `segment ${index + 1}` }, text) });
  };
  for (const { start, end, index } of spans) {
    add(at, start, null);
    add(start, end, index);
    at = end;
  }
  add(at, letters.length, null);
  return parts;
}

function mark(parts, index) {
  for (const part of parts) part.element.classList.toggle("selected", part.index === index);
  const first = parts.find((part) => part.index === index);
  const box = byId("original");
  if (first) box.scrollTop = first.element.offsetTop - box.offsetTop - 40;
}
