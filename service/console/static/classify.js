// Paste a page and see it cut: segments as cards, and the original with its junk greyed.

import { call, topics } from "./api.js";
import { byId, count, h, problem, show } from "./dom.js";
import { read } from "./file.js";
import { card, keyOf } from "./segment.js";

const PAUSE = 350; // milliseconds after typing stops
const DRAFT = "wiretag.draft";
const ALL = 20; // topics up to which those not given are shown too

let timer = null;
let running = null;
let asked = null; // the form and text that are shown

export function start() {
  topics().catch(() => {}); // known before they are needed; what is wrong is told when they are
  const source = byId("source");
  const draft = sessionStorage.getItem(DRAFT);
  if (draft !== null) source.value = draft; // else the browser may have kept what was too long for us
  source.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(classify, PAUSE); });
  source.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    if (!fits(pasted, "What you pasted")) { event.preventDefault(); return; } // a field of megabytes would stop the page for minutes
    clearTimeout(timer);
    timer = setTimeout(classify, 0);
  });
  byId("classify-form").addEventListener("submit", (event) => { event.preventDefault(); classify(); });
  byId("form").addEventListener("change", () => { setForm(byId("form").value); classify(); });
  byId("clear").addEventListener("click", () => { source.value = ""; classify(); source.focus(); });
  byId("file").addEventListener("change", (event) => { open(event.target.files[0]); event.target.value = ""; });
  addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
  addEventListener("drop", (event) => { // anywhere: a browser would leave the page for the file
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    location.hash = "#classify";
    open(event.dataTransfer.files[0]);
  });
}

export function enter(options) {
  byId("form").value = ["page", "text", "html"].includes(options.get("as")) ? options.get("as") : "auto";
  if (asked === null || asked !== question().join(":")) classify();
}

function setForm(form) {
  history.replaceState(null, "", form === "auto" ? "#classify" : `#classify?as=${form}`);
}

function fits(text, name) {
  const most = Number(byId("source").dataset.most);
  if (text.length <= 2 * most && Array.from(text).length <= most) return true;
  show(byId("classify-problem"), problem({ title: "Too long.", message: `${name} has ${count(text.length)} characters; the service reads at most ${count(most)} of a page. Nothing here was changed.` }));
  return false;
}

async function open(file) {
  if (!file) return;
  try {
    const text = await read(file);
    if (!fits(text, file.name)) return;
    byId("source").value = text;
    classify();
  } catch (error) {
    show(byId("classify-problem"), problem(error));
  }
}

const looksLikeHtml = (text) => /^\s*<(!doctype|html|head|body|article|div|p|h1)[\s>]/i.test(text);

function question() {
  const text = byId("source").value;
  const chosen = byId("form").value;
  return [chosen === "auto" ? (looksLikeHtml(text) ? "html" : "page") : chosen, text];
}

async function classify() {
  clearTimeout(timer);
  running?.abort();
  const [form, text] = question();
  try { sessionStorage.setItem(DRAFT, text); } catch { sessionStorage.removeItem(DRAFT); } // too long to keep
  show(byId("classify-problem"));
  byId("results").hidden = !text.trim();
  asked = null;
  if (!text.trim()) {
    running = null;
    show(byId("segments"));
    show(byId("original"));
    show(byId("classify-status"), "Segments appear as soon as there is a text.");
    return;
  }
  const mine = new AbortController();
  running = mine;
  const started = performance.now();
  try {
    const all = await topics();
    const few = all.length <= ALL ? { topics: all.map((topic) => topic.id) } : {};
    const result = await call("POST", "/classify", { [form]: text, explain: true, ...few }, {}, mine.signal);
    if (running !== mine) return;
    draw(all, result, form === "html" ? result.page : text, form);
    asked = `${form}:${text}`;
    const what = form === "text" ? "One text" : result.segments.length === 1 ? "1 segment" : `${result.segments.length} segments`;
    const missing = result.segments.length && result.warnings.includes("no_main_segment") ? ", none of them a main story" : "";
    show(byId("classify-status"), `${what}${missing}, in ${Math.round(performance.now() - started)} ms by ${result.model_version}`);
  } catch (error) {
    if (error.name === "AbortError" || running !== mine) return;
    show(byId("classify-problem"), problem(error, error.passing ? classify : null));
    show(byId("classify-status"));
    byId("results").hidden = true;
  }
}

function draw(all, result, page, form) {
  const letters = Array.from(page); // spans count code points
  const found = form === "text"
    ? [{ ...result, role: "text", headline: null, text: page, spans: [[0, letters.length]], pieces: [{ text: page, start: 0, field: "text" }] }]
    : result.segments.map((each) => ({ ...each, model_version: result.model_version, pieces: each.spans.map(([start, end]) => ({ text: letters.slice(start, end).join(""), start, field: "page" })) }));
  const cards = [];
  const parts = original(letters, found, cards);
  cards.push(...found.map((each, index) => card(each, all, { number: index + 1, onselect: () => mark(parts, index) })));
  show(byId("segments"), cards.length ? cards : h("p", { class: "soft" }, "No segment: all of this page looks like junk."));
  show(byId("original"), ...parts.map((part) => part.element));
  const last = Math.min(all.length, 30) - 1;
  show(byId("classify-keys"), h("kbd", {}, "Tab"), " to a card, ", h("kbd", {}, keyOf(0)), last ? ["–", h("kbd", {}, keyOf(last))] : null, " topics, ", h("kbd", {}, "Enter"), " save, ",
    h("kbd", {}, "u"), " undo, ", h("kbd", {}, "e"), " evidence, ", h("kbd", {}, "n"), " next, ", h("kbd", {}, "k"), " back");
}

// The page in order: what belongs to a segment, and the rest greyed.
function original(letters, found, cards) {
  const spans = found.flatMap((each, index) => each.spans.map(([start, end]) => ({ start, end, index }))).sort((a, b) => a.start - b.start);
  const parts = [];
  const begun = new Set();
  let at = 0;
  const add = (start, end, index) => {
    if (end <= start) return;
    const text = letters.slice(start, end).join("");
    const given = index === null ? { class: "junk", title: "left out" } : { class: `of ${found[index].role}`, title: `segment ${index + 1}`, onclick: () => cards[index].focus() };
    const badge = index === null || begun.has(index) ? null : h("span", { class: "number", "aria-hidden": true }, index + 1);
    begun.add(index);
    parts.push({ index, element: h("span", given, badge, text) });
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
