// The review queue: what is most worth a person's minute, one segment at a time, by keyboard alone.

import { call, topics } from "./api.js";
import { byId, h, problem, show } from "./dom.js";
import { card } from "./segment.js";

const NAME = "wiretag.annotator";
const AT_ONCE = 5;

let items = [];
let waiting = 0;
let done = 0;
let agreed = 0;

// who shares a key, or has none, is told apart by a name that this browser made
function annotator() {
  if (!localStorage.getItem(NAME)) localStorage.setItem(NAME, `reader-${crypto.randomUUID().slice(0, 8)}`);
  return localStorage.getItem(NAME);
}

export function enter() {
  next();
}

async function next() {
  show(byId("review-problem"));
  try {
    const all = await topics();
    if (!items.length) {
      const batch = await call("GET", `/review?limit=${AT_ONCE}&annotator=${annotator()}`);
      items = batch.items;
      waiting = batch.waiting;
      if (!items.length) {
        show(byId("review-item"), h("p", {}, batch.collecting
          ? "Nothing waits for review. Segments come here as documents are classified."
          : "This service does not collect segments for review; start it with WIRETAG_REVIEW=on."));
        tell();
        return;
      }
    }
    draw(items[0], all);
  } catch (error) {
    show(byId("review-problem"), problem(error));
    show(byId("review-item"), h("button", { type: "button", onclick: next }, "Try again"));
  }
  tell();
}

function draw(item, all) {
  const labels = new Map(all.map((topic) => [topic.id, topic.label]));
  const segment = {
    ...item, role: "review", source: null, published: null, duplicate_of: null, none: false,
    topics: item.topics.map((topic) => ({ ...topic, label: labels.get(topic.topic) ?? topic.topic })),
    pieces: [{ text: item.text, start: 0, field: "text" }],
  };
  const element = card(segment, all, {
    ondone: (outcome) => {
      done += 1;
      waiting = Math.max(0, waiting - 1);
      agreed += outcome.agreed ? 1 : 0;
      items.shift();
      next();
    },
  });
  for (const button of element.querySelectorAll(".chip")) button.disabled = true; // the queue keeps scores, not evidence
  show(byId("review-item"),
    h("p", {}, item.topic === null ? "A random sample: is anything missed here?" : `In doubt: ${labels.get(item.topic) ?? item.topic}.`),
    element,
    h("p", { class: "soft" }, h("kbd", {}, "1"), "–", h("kbd", {}, String(Math.min(9, all.length))), " set a topic, ", h("kbd", {}, "Enter"), " saves and goes on, ", h("kbd", {}, "u"), " undoes."));
  element.focus();
}

function tell() {
  const share = done ? `; you agreed with the model on ${Math.round((100 * agreed) / done)} %` : "";
  show(byId("review-status"), `${done} done, ${waiting} waiting${share}.`);
}
