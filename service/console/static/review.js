// The review queue: what is most worth a person's minute, one segment at a time, by keyboard alone.

import { call, topics } from "./api.js";
import { byId, h, problem, show, unique } from "./dom.js";
import { send } from "./outbox.js";
import { card, keyOf } from "./segment.js";

const NAME = "wiretag.annotator";
const AT_ONCE = 5;

let items = []; // ours until `until`
let until = 0;
let past = []; // answered in this sitting, the latest last
let waiting = 0;
let done = 0;
let agreed = 0;

// who shares a key, or has none, is told apart by a name that this tab made
function annotator() {
  if (!sessionStorage.getItem(NAME)) sessionStorage.setItem(NAME, `reader-${unique().slice(0, 12)}`);
  return sessionStorage.getItem(NAME);
}

export function enter() {
  next();
}

document.addEventListener("other-key", () => { items = []; }); // what was taken under another key is not ours any more

async function next() {
  show(byId("review-problem"));
  try {
    const all = await topics();
    if (Date.now() > until) items = [];
    if (!items.length) await take();
    if (items.length) draw(items[0], all);
  } catch (error) {
    show(byId("review-problem"), problem(error, next));
    show(byId("review-item"));
  }
  tell();
}

async function take() {
  await send(); // what was answered must be there before more is asked for
  const asked = Date.now();
  const batch = await call("GET", `/review?limit=${AT_ONCE}&annotator=${annotator()}`);
  items = batch.items.filter((item) => !past.some((each) => each.id === item.id));
  until = asked + 900 * batch.lease_seconds; // milliseconds, with a tenth to spare
  waiting = batch.waiting;
  if (items.length) return;
  show(byId("review-item"), h("p", { class: "empty" }, !batch.collecting
    ? "This service does not collect segments for review; start it with WIRETAG_REVIEW=on."
    : waiting ? `All ${waiting} that wait are with other people now, or on their way. What they leave comes back within ${Math.round(batch.lease_seconds / 60)} minutes.`
      : "Nothing waits for review. Segments come here as documents are classified."),
  h("button", { type: "button", onclick: next }, "Look again"));
}

function draw(item, all) {
  const labels = new Map(all.map((topic) => [topic.id, topic.label]));
  const text = { text: item.text, start: 0, field: "text" };
  const segment = {
    ...item, role: "review", source: null, published: null, duplicate_of: null, none: false,
    topics: item.topics.map((topic) => ({ ...topic, label: labels.get(topic.topic) ?? topic.topic })), // the queue keeps scores, not evidence
    pieces: item.headline ? [{ text: item.headline, start: 0, field: "headline" }, text] : [text],
  };
  const element = card(segment, all, {
    ondone: (agrees) => {
      if (item.agrees === undefined) { done += 1; waiting = Math.max(0, waiting - 1); } else agreed -= item.agrees;
      item.agrees = Number(agrees);
      agreed += item.agrees;
      past.push(item);
      items.shift();
      next();
    },
    onback: () => {
      if (!past.length) return;
      items.unshift(past.pop());
      next();
    },
    onskip: () => {
      items.push(items.shift());
      next();
    },
  });
  show(byId("review-item"),
    h("p", { class: "doubt" }, item.topic === null ? "A random sample: is anything missed here?" : ["In doubt: ", h("strong", {}, h("bdi", {}, labels.get(item.topic) ?? item.topic))]),
    element,
    h("p", { class: "keys" }, h("kbd", {}, keyOf(0)), "–", h("kbd", {}, keyOf(Math.min(all.length, 30) - 1)), " topics, ", h("kbd", {}, "Enter"), " save and go on, ", h("kbd", {}, "u"), " undo, then back to the one before, ", h("kbd", {}, "n"), " next without saving"));
  element.focus();
}

function tell() {
  const share = done ? `, you agreed with the model on ${Math.round((100 * agreed) / done)} %` : "";
  show(byId("review-status"), `${done} done, ${waiting} waiting${share}`);
  byId("review-progress").max = Math.max(1, done + waiting);
  byId("review-progress").value = done;
}
