// A segment as a card: what it is, its topics with evidence, and one key a topic to correct them.

import { h, percent, show } from "./dom.js";
import { post } from "./outbox.js";

const WHY = {
  below_threshold: "no topic reached its threshold",
  too_short: "too short to be sure",
  out_of_vocabulary: "too few words the model knows",
  unsupported_language: "not English",
};

// segment: the contract's, with `pieces` [{text, start, field}]; topics: all the model has
export function card(segment, topics, { onselect = () => {}, ondone = () => {} } = {}) {
  const shown = new Set(segment.topics.filter((each) => each.decision === "assigned").map((each) => each.topic));
  let wanted = new Set(shown);
  let saved = null; // what was last sent
  const before = [];
  const state = h("p", { class: "soft", role: "status" });
  const body = h("div", { class: "text", dir: "auto" });
  const evidence = h("div", { class: "evidence" });
  const keys = topics.map((topic, index) => h("button", {
    type: "button", class: "topic-key", "aria-pressed": wanted.has(topic.id), title: topic.description ?? "",
    onclick: () => toggle(topic.id),
  }, h("kbd", {}, index < 9 ? String(index + 1) : ""), ` ${topic.label}`));
  const chips = segment.topics.map((topic) => chip(topic));
  const element = h("article", { class: `card ${segment.role}`, tabindex: "0", "aria-label": `${segment.role}: ${segment.headline ?? segment.text.slice(0, 60)}`, onkeydown, onfocusin: () => onselect(segment) },
    h("p", { class: "meta" }, h("span", { class: "role" }, segment.role), " ",
      h("bdi", {}, [segment.source, segment.published].filter(Boolean).join(" · ")),
      segment.duplicate_of !== null && segment.duplicate_of !== undefined ? ` · the same as ${Number.isInteger(segment.duplicate_of) ? `segment ${segment.duplicate_of + 1}` : segment.duplicate_of}` : ""),
    segment.headline ? h("h3", { dir: "auto" }, segment.headline) : null,
    h("div", { class: "chips" }, ...chips),
    segment.none ? h("p", { class: "soft" }, `None: ${WHY[segment.reason] ?? segment.reason}.`) : null,
    evidence, body,
    h("fieldset", { class: "correct" }, h("legend", {}, "Should be"), ...keys,
      h("button", { type: "button", class: "save", onclick: save }, "Save ", h("kbd", {}, "Enter")),
      h("button", { type: "button", onclick: undo }, "Undo ", h("kbd", {}, "u"))),
    state);
  plain();

  function chip(topic) {
    const bar = h("meter", { min: 0, max: 1, optimum: 1, value: topic.score, low: topic.threshold, "aria-hidden": "true" });
    return h("button", { type: "button", class: `chip ${topic.decision}`, "aria-expanded": "false", onclick: (event) => explain(topic, event.currentTarget) },
      topic.label, " ", h("strong", {}, percent(topic.score)), bar,
      h("span", { class: "soft" }, ` ${topic.decision === "none" ? "not given" : topic.decision}, from ${percent(topic.threshold)}`));
  }

  function explain(topic, button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    for (const each of chips) each.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-expanded", String(open));
    if (!open) { show(evidence); plain(); return; }
    const found = topic.evidence ?? [];
    const strongest = Math.max(...found.map((each) => Math.abs(each.contribution)), 1e-9);
    show(body, ...segment.pieces.map((piece) => h("p", {}, ...marked(piece, found, strongest))));
    const sum = found.reduce((total, each) => total + each.contribution, 0);
    const line = (name, value) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
    show(evidence, h("table", {}, h("caption", {}, `Why ${topic.label}`), h("tbody", {},
      line("bias", signed(topic.bias)), line(`${found.length} places marked below`, signed(sum)), line("all others", signed(topic.omitted)),
      line("margin", signed(topic.margin)), line("score = 1 / (1 + e^−margin)", topic.score.toFixed(4)), line("assigned from", topic.threshold.toFixed(2)))));
  }

  function plain() {
    show(body, ...segment.pieces.map((piece) => h("p", {}, piece.text)));
  }

  function toggle(id) {
    before.push(new Set(wanted));
    wanted.has(id) ? wanted.delete(id) : wanted.add(id);
    draw();
  }

  function undo() {
    if (before.length) wanted = before.pop();
    draw();
  }

  function draw() {
    keys.forEach((button, index) => button.setAttribute("aria-pressed", String(wanted.has(topics[index].id))));
    const same = saved !== null && saved.size === wanted.size && [...saved].every((id) => wanted.has(id));
    show(state, saved === null ? "Not saved." : same ? "On its way." : "Changed since it was saved.");
  }

  function save() {
    saved = new Set(wanted);
    segment.letter = post({
      text: segment.text, headline: segment.headline ?? undefined, topics: [...wanted], shown: [...shown],
      document_id: segment.document_id ?? undefined, model_version: segment.model_version,
    });
    draw();
    ondone({ agreed: shown.size === wanted.size && [...shown].every((id) => wanted.has(id)) });
  }

  function onkeydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const number = Number(event.key);
    if (number >= 1 && number <= Math.min(9, topics.length)) toggle(topics[number - 1].id);
    else if (event.key === "Enter" && event.target === element) save();
    else if (event.key === "u") undo();
    else if (event.key === "n" || event.key === "j") step(element, 1);
    else if (event.key === "k") step(element, -1);
    else return;
    event.preventDefault();
  }

  document.addEventListener("corrected", (event) => {
    if (event.detail.key === segment.letter) show(state, "Saved.");
  });
  return element;
}

function step(element, by) {
  const cards = [...element.parentElement.querySelectorAll(".card")];
  cards[cards.indexOf(element) + by]?.focus();
}

// A piece of text with the places of evidence in it as marks, tinted by strength and sign.
function* marked(piece, found, strongest) {
  const letters = Array.from(piece.text);
  const places = found
    .filter((each) => each.field === piece.field && each.start >= piece.start && each.end <= piece.start + letters.length)
    .sort((a, b) => a.start - b.start || b.end - a.end);
  let at = 0;
  for (const place of places) {
    const start = Math.max(place.start - piece.start, at);
    const end = place.end - piece.start;
    if (end <= start) continue;
    yield letters.slice(at, start).join("");
    const strength = Math.max(1, Math.ceil((4 * Math.abs(place.contribution)) / strongest));
    yield h("mark", { class: `${place.contribution < 0 ? "against" : "for"}-${strength}`, title: signed(place.contribution) }, letters.slice(start, end).join(""));
    at = end;
  }
  yield letters.slice(at).join("");
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
