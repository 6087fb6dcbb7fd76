// What the service meets now: counts by topic, drift against what the model expects, words it does not know.

import { call } from "./api.js";
import { bars, distribution } from "./charts.js";
import { byId, h, percent, problem, show } from "./dom.js";

const EVERY = 5000; // milliseconds

let timer = null;

export function enter() {
  look();
}

export function leave() {
  clearTimeout(timer);
}

async function look() {
  clearTimeout(timer);
  try {
    const [text, drift] = await Promise.all([call("GET", "/metrics", undefined, { Accept: "text/plain" }), call("GET", "/drift")]);
    draw(samples(text), drift);
    show(byId("watch-problem"));
  } catch (error) {
    show(byId("watch-problem"), problem(error));
  }
  if (!byId("view-watch").hidden) timer = setTimeout(look, EVERY);
}

// Prometheus' text form as [{name, labels, value}]
function samples(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const parts = /^(wiretag_\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const labels = Object.fromEntries([...(parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
    found.push({ name: parts[1], labels, value: Number(parts[3]) });
  }
  return found;
}

function draw(all, drift) {
  const sum = (name, labels = {}) => all.filter((each) => each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value)).reduce((total, each) => total + each.value, 0);
  const documents = sum("wiretag_documents_total");
  const none = sum("wiretag_none_total");
  const review = sum("wiretag_topics_total", { decision: "review" });
  const names = [...new Set(all.filter((each) => each.name === "wiretag_topics_total").map((each) => each.labels.topic))];
  const reasons = [...new Set(all.filter((each) => each.name === "wiretag_none_total").map((each) => each.labels.reason))];
  const count = (value) => value.toLocaleString("en");
  show(byId("watch-status"), `${count(documents)} documents since the start; ${percent(documents ? none / documents : 0)} without a topic; ${count(review)} topics for review; ${count(sum("wiretag_requests_in_flight"))} requests under way; ${drift.model_version}.`);
  const worst = drift.quantities.filter((each) => each.psi !== null).sort((a, b) => b.psi - a.psi);
  show(byId("watch-charts"), h("div", { class: "charts" },
    bars("Topics: assigned, and for review", names.map((topic) => {
      const [given, doubt] = ["assigned", "review"].map((decision) => sum("wiretag_topics_total", { topic, decision }));
      return { label: topic, told: `${count(given)}\u00a0+\u00a0${count(doubt)}`, parts: [{ value: given, name: "bar-fill", title: "assigned" }, { value: doubt, name: "bar-doubt", title: "for review" }] };
    })),
    bars("Without a topic, by reason", reasons.map((reason) => {
      const value = sum("wiretag_none_total", { reason });
      return { label: reason.replaceAll("_", " "), told: count(value), parts: [{ value, name: "bar-fill" }] };
    })),
    h("section", { class: "chart" }, h("h3", {}, "Rising words that the model does not know"), drift.rising_terms.length
      ? h("table", {}, h("tbody", {}, ...drift.rising_terms.slice(0, 15).map((each) => h("tr", {}, h("th", { scope: "row", dir: "auto" }, each.term), h("td", { class: "n" }, `${count(each.documents)} documents`)))))
      : h("p", { class: "soft" }, "None that stands in five documents."))),
  h("h2", {}, `Drift over the last ${Number(drift.window_hours.toPrecision(3))} hours`),
  h("p", { class: "soft" }, drift.has_reference ? "Pale: what the model expects. Strong: what was met. An index (PSI) over 0.1 is a change, over 0.25 a large one." : "This model carries no reference to compare with."),
  h("div", { class: "charts" }, ...(worst.length ? worst : drift.quantities.slice(0, 4)).map((each) => distribution(
    [each.quantity.replaceAll("_", " "), each.topic].filter(Boolean).join(" of "), each.bins,
    h("p", { class: each.reading === "much_changed" ? "bad" : "soft" }, each.psi === null ? `${count(each.count)} seen` : `PSI ${each.psi.toFixed(3)}: ${each.reading.replaceAll("_", " ")}, ${count(each.count)} seen`)))));
}
