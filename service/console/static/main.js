// Which view is shown. The address after # says it, and its options; never a word of a document.

import { call, forget, key } from "./api.js";
import * as classify from "./classify.js";
import { byId, h, problem, show } from "./dom.js";
import { send } from "./outbox.js";

const LOOK = 10_000; // milliseconds between two questions which model serves
const views = { // the others are fetched when they are first looked at
  classify: async () => classify, review: () => import("./review.js"), models: () => import("./models.js"), watch: () => import("./watch.js"),
};
let current = null;
let leave = null;
let serving = null;

async function route() {
  const [name, options] = location.hash.slice(1).split("?");
  const shown = Object.hasOwn(views, name) ? name : "classify";
  for (const view of Object.keys(views)) byId(`view-${view}`).hidden = view !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    link.getAttribute("href") === `#${shown}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  document.title = `${shown[0].toUpperCase()}${shown.slice(1)} – Wiretag`;
  if (current !== shown) leave?.();
  current = shown;
  try {
    const view = await views[shown]();
    if (current !== shown) return;
    leave = view.leave;
    view.enter(new URLSearchParams(options));
  } catch {
    show(byId(`${shown}-problem`), problem({ title: "No answer.", message: "This view cannot be fetched from the service just now." }, () => location.reload()));
  }
}

function serves(version) {
  if (version === serving) return;
  if (serving !== null) forget(); // topics and thresholds may be others
  show(byId("serving"), version ? h("span", { class: "on" }, version) : h("span", { class: "bad" }, "no answer"));
  serving = version;
}

async function look() {
  if (!document.hidden) {
    try {
      serves((await call("GET", "/readyz")).model_version);
    } catch (error) {
      serves(error.status === 503 ? "no model" : "");
    }
  }
  setTimeout(look, LOOK);
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
  document.dispatchEvent(new Event("other-key"));
  send();
  route();
});
document.addEventListener("serving", (event) => serves(event.detail));

classify.start();
addEventListener("hashchange", route);
route();
send();
look();
