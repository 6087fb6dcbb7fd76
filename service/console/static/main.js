// Which view is shown. The address after # says it, and its options; never a word of a document.

import { forget, key } from "./api.js";
import * as classify from "./classify.js";
import { byId } from "./dom.js";
import * as models from "./models.js";
import { send } from "./outbox.js";
import * as review from "./review.js";
import * as watch from "./watch.js";

const views = { classify, review, models, watch };
let current = null;

function route() {
  const [name, options] = location.hash.slice(1).split("?");
  const shown = views[name] ? name : "classify";
  for (const view of Object.keys(views)) byId(`view-${view}`).hidden = view !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    link.getAttribute("href") === `#${shown}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  document.title = `${shown[0].toUpperCase()}${shown.slice(1)} – Wiretag`;
  if (current !== shown) views[current]?.leave?.();
  current = shown;
  views[shown].enter(new URLSearchParams(options));
}

byId("key-button").addEventListener("click", () => {
  byId("key-input").value = key.get();
  byId("key-dialog").showModal();
});
byId("key-dialog").addEventListener("close", (event) => {
  const answer = event.target.returnValue;
  if (answer === "save") key.set(byId("key-input").value.trim());
  if (answer === "forget") key.set("");
  event.target.returnValue = "";
  if (!answer) return;
  forget();
  send();
  route();
});

classify.start();
addEventListener("hashchange", route);
route();
send();
