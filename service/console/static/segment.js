// A segment as a card: what it is, its topics with evidence, and one key a topic to correct them.

import { recall, remember } from "./choices.js";
import { h, percent, show, svg } from "./dom.js";
import { post, state as sent } from "./outbox.js";

const WHY = {
  below_threshold: "no topic reached its threshold",
  too_short: "too short to be sure",
  out_of_vocabulary: "too few words the model knows",
  unsupported_language: "not English",
};
const KEYS = "123456789abcdfghilmopqrstvwxyz"; // e, j, k, n and u do other things
const LONG = 600; // characters beyond which a text is folded

export const keyOf = (index) => KEYS[index] ?? "";

// segment: the contract's, with `pieces` [{text, start, field}], its headline's first if it has one; topics: all the model has.
// onselect(): the card was entered; ondone(agreed): it was saved; onback(): undo with nothing to undo; onskip(): next, without saving
export function card(segment, topics, { number = null, onselect = () => {}, ondone = () => {}, onback = () => {}, onskip = null } = {}) {
  const shown = new Set(segment.topics.filter((each) => each.decision === "assigned").map((each) => each.topic));
  const known = recall(segment);
  let wanted = new Set((known?.wanted ?? [...shown]).filter((id) => topics.some((topic) => topic.id === id)));
  let saved = known?.saved ? new Set(known.saved) : null; // what was last sent, in a letter
  let letter = known?.letter ?? null;
  let folded = segment.text.length > LONG;
  let opened = null; // the topic whose evidence is shown
  const before = [];
  const state = h("p", { class: "state", role: "status" });
  const head = segment.headline ? h("h3", { dir: "auto" }) : null;
  const body = h("div", { class: "text" });
  const more = h("button", { type: "button", class: "plain", "aria-expanded": false, onclick: () => { folded = !folded; read(); } });
  const evidence = h("div", { class: "evidence" });
  const keys = topics.map((topic, index) => h("button", {
    type: "button", class: "topic-key", "aria-pressed": false, title: topic.description ?? "", onclick: () => toggle(topic.id),
  }, keyOf(index) ? h("kbd", {}, keyOf(index)) : null, h("bdi", {}, topic.label)));
  const [given, others] = [true, false].map((is) => segment.topics.filter((each) => (each.decision !== "none") === is));
  const chips = new Map([...given, ...others].map((topic) => [topic, chip(topic)]));
  const name = segment.headline ?? segment.text.slice(0, 60);
  const element = h("article", { class: `card ${segment.role}`, tabindex: 0, "aria-label": `${segment.role}: ${name}`, onkeydown, onfocusin: onselect },
    h("p", { class: "meta" }, number === null ? null : h("span", { class: "number" }, number), h("span", { class: "role" }, segment.role),
      ...[segment.source, segment.published].filter(Boolean).map((each) => h("bdi", {}, each)),
      segment.duplicate_of === null || segment.duplicate_of === undefined ? null
        : h("bdi", {}, `the same as ${Number.isInteger(segment.duplicate_of) ? `segment ${segment.duplicate_of + 1}` : segment.duplicate_of}`)),
    head,
    given.length ? h("div", { class: "chips" }, ...given.map((each) => chips.get(each))) : null,
    segment.none ? h("p", { class: "why-none" }, h("strong", {}, "None"), `: ${WHY[segment.reason] ?? segment.reason}.`) : null,
    others.length ? h("div", { class: "chips others" }, h("span", { class: "soft" }, "Not given"), ...others.map((each) => chips.get(each))) : null,
    evidence, body, segment.text.length > LONG ? more : null,
    h("fieldset", { class: "correct" }, h("legend", {}, "Should be"), ...keys,
      h("span", { class: "acts" }, h("button", { type: "button", class: "save", onclick: save }, "Save", h("kbd", {}, "Enter")),
        h("button", { type: "button", onclick: undo }, "Undo", h("kbd", {}, "u")),
        onskip ? h("button", { type: "button", onclick: onskip }, "Next", h("kbd", {}, "n")) : null), state));
  read();
  draw();

  function chip(topic) {
    const low = topic.decision === "none";
    return h("button", { type: "button", class: `chip ${topic.decision}`, "aria-expanded": false, disabled: !topic.evidence, onclick: () => explain(topic) },
      h("bdi", {}, topic.label), h("strong", {}, percent(topic.score)), low ? null : gauge(topic),
      low ? null : h("span", { class: "soft" }, `${topic.decision} from ${percent(topic.threshold)}`));
  }

  function explain(topic) {
    opened = opened === topic ? null : topic;
    for (const [each, button] of chips) button.setAttribute("aria-expanded", String(each === opened));
    show(evidence, opened ? why(opened) : null);
    read();
  }

  function read() {
    const [first, ...rest] = head ? segment.pieces : [null, ...segment.pieces];
    const found = opened?.evidence ?? [];
    if (head) show(head, ...marked(first, found));
    show(body, ...rest.map((piece) => h("p", {}, ...marked(piece, found))));
    body.classList.toggle("folded", folded && !opened);
    more.hidden = Boolean(opened);
    more.setAttribute("aria-expanded", String(!folded));
    show(more, folded ? "Show all" : "Show less");
  }

  function toggle(id) {
    before.push(new Set(wanted));
    wanted.has(id) ? wanted.delete(id) : wanted.add(id);
    keep();
  }

  function undo() {
    if (!before.length) { onback(); return; }
    wanted = before.pop();
    keep();
  }

  function keep() {
    remember(segment, { wanted: [...wanted], saved: saved && [...saved], letter });
    draw();
  }

  function draw() {
    keys.forEach((button, index) => button.setAttribute("aria-pressed", String(wanted.has(topics[index].id))));
    show(state, saved === null ? (same(wanted, shown) ? "" : "Not saved.") : same(wanted, saved) ? delivery() : "Changed since it was saved.");
  }

  function delivery() {
    const told = sent(letter);
    return told === "saved" ? "Saved ✓" : told === "waiting" ? "On its way." : `Refused: ${told}`;
  }

  function save() {
    saved = new Set(wanted);
    letter = post({
      text: segment.text, headline: segment.headline ?? undefined, topics: [...wanted], shown: [...shown],
      document_id: segment.document_id ?? undefined, model_version: segment.model_version,
    });
    keep();
    ondone(same(shown, wanted));
  }

  function onkeydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = event.key.toLowerCase();
    const index = pressed.length === 1 ? KEYS.indexOf(pressed) : -1;
    if (index >= 0 && index < topics.length) toggle(topics[index].id);
    else if (pressed === "enter" && event.target === element) save();
    else if (pressed === "u") undo();
    else if (pressed === "e") next([...chips].filter(([, button]) => !button.disabled).map(([topic]) => topic));
    else if (pressed === "n" && onskip) onskip();
    else if (pressed === "n" || pressed === "j") step(element, 1);
    else if (pressed === "k") step(element, -1);
    else return;
    event.preventDefault();
  }

  function next(list) { // the evidence of the topic after the one that is open; after the last, none
    const topic = list[list.indexOf(opened) + 1] ?? opened;
    if (topic) explain(topic);
  }

  const heard = () => (element.isConnected ? draw() : document.removeEventListener("corrected", heard));
  document.addEventListener("corrected", heard);
  return element;
}

const same = (one, other) => one.size === other.size && [...one].every((id) => other.has(id));

function step(element, by) {
  const cards = [...element.parentElement.querySelectorAll(".card")];
  cards[cards.indexOf(element) + by]?.focus();
}

// The score as a bar, with a stroke where the threshold is.
function gauge({ score, threshold }) {
  return svg("svg", { class: "gauge", viewBox: "0 0 60 10", "aria-hidden": true },
    svg("rect", { class: "track", y: 3, width: 60, height: 4, rx: 2 }), svg("rect", { class: "level", y: 3, width: 60 * score, height: 4, rx: 2 }),
    svg("path", { class: "tick", d: `M${60 * threshold} 0v10` }));
}

// The arithmetic of a score, and the words that made it.
function why(topic) {
  const found = topic.evidence ?? [];
  const words = new Map();
  for (const each of found) {
    const word = each.text.toLowerCase();
    words.set(word, (words.get(word) ?? 0) + each.contribution);
  }
  const part = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  return [
    h("p", {}, h("strong", {}, "Why ", h("bdi", {}, topic.label))),
    h("dl", { class: "sum" }, part("bias", signed(topic.bias)), part(`${found.length} places marked below`, signed(found.reduce((sum, each) => sum + each.contribution, 0))),
      part("all other words", signed(topic.omitted)), part("margin: their sum", signed(topic.margin)), part("score = 1 / (1 + e^−margin)", topic.score.toFixed(4)), part("assigned from", topic.threshold.toFixed(2))),
    h("ul", { class: "words" }, ...[...words].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).map(([word, value]) => h("li", { class: value < 0 ? "against" : "for" }, h("bdi", {}, word), ` ${signed(value)}`))),
  ];
}

// A piece of text with the places of evidence in it as marks, tinted by strength and sign.
function* marked(piece, found) {
  const strongest = Math.max(...found.map((each) => Math.abs(each.contribution)), 1e-9);
  const letters = Array.from(piece.text); // places count code points
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
