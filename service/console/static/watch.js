// What the service meets now: counts by topic, drift against what the model expects, words it does not know.

import { call, topics } from "./api.js";
import { bars, distribution, trend } from "./charts.js";
import { byId, count, h, percent, problem, show } from "./dom.js";

const EVERY = 5000; // milliseconds
const LOOKS = 61; // kept, of five minutes
const READINGS = { stable: "stable", changed: "changed", much_changed: "much changed", too_few: "too few to say", no_reference: "no reference" };

let timer = null;
let looks = []; // [{at, documents, none, review}]

export function enter() {
  looks = [];
  look();
}

export function leave() {
  clearTimeout(timer);
}

async function look() {
  clearTimeout(timer);
  try {
    const [all, text, drift] = await Promise.all([topics(), call("GET", "/metrics", undefined, { Accept: "text/plain" }), call("GET", "/drift")]);
    draw(samples(text), drift, new Map(all.map((topic) => [topic.id, topic.label])));
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

// What came between two looks, or null where nothing came or the counts began anew.
const between = (change) => looks.slice(1).map((now, i) => change(looks[i], now));
const share = (part, whole) => (whole > 0 && part >= 0 ? part / whole : null);

function draw(all, drift, labels) {
  const sum = (name, wanted = {}) => all.filter((each) => each.name === name && Object.entries(wanted).every(([key, value]) => each.labels[key] === value)).reduce((total, each) => total + each.value, 0);
  const documents = sum("wiretag_documents_total");
  const none = sum("wiretag_none_total");
  const doubts = sum("wiretag_topics_total", { decision: "review" });
  const names = [...new Set([...labels.keys(), ...all.filter((each) => each.name === "wiretag_topics_total").map((each) => each.labels.topic)])];
  const reasons = [...new Set(all.filter((each) => each.name === "wiretag_none_total").map((each) => each.labels.reason))];
  const label = (topic) => labels.get(topic) ?? topic;
  looks = [...looks, { at: performance.now(), documents, none, doubts }].slice(-LOOKS);
  const speeds = between((from, to) => Math.max(0, (1000 * (to.documents - from.documents)) / (to.at - from.at)));
  const given = names.map((topic) => ({ topic, assigned: sum("wiretag_topics_total", { topic, decision: "assigned" }), review: sum("wiretag_topics_total", { topic, decision: "review" }) })).sort((a, b) => b.assigned - a.assigned);
  show(byId("watch-status"), `${count(documents)} documents since the start, ${count(sum("wiretag_requests_in_flight"))} requests under way, model ${drift.model_version}`);
  const worst = drift.quantities.filter((each) => each.psi !== null).sort((a, b) => b.psi - a.psi);
  show(byId("watch-charts"),
    h("div", { class: "charts" },
      trend("Documents a second, now", speeds, speeds.length ? speeds.at(-1).toFixed(1) : null),
      trend("Without a topic", between((from, to) => share(to.none - from.none, to.documents - from.documents)), percent(share(none, documents) ?? 0), 1),
      trend("Topics for review a document", between((from, to) => share(to.doubts - from.doubts, to.documents - from.documents)), percent(share(doubts, documents) ?? 0))),
    h("div", { class: "charts" },
      bars("Topics given", ["", "", "assigned", "for review"], given.map(({ topic, assigned, review }) => ({
        label: label(topic), told: [count(assigned), count(review)], parts: [{ value: assigned, name: "met" }, { value: review, name: "doubtful" }],
      }))),
      bars("Without a topic, by reason", ["", "", "texts"], reasons.map((reason) => {
        const value = sum("wiretag_none_total", { reason });
        return { label: reason.replaceAll("_", " "), told: [count(value)], parts: [{ value, name: "met" }] };
      })),
      drift.rising_terms.length
        ? bars("Rising words that the model does not know", ["", "", "now", "before"], drift.rising_terms.slice(0, 12).map((each) => ({
          label: each.term, told: [count(each.documents), count(each.before)], parts: [{ value: each.documents, name: "met" }],
        })))
        : h("section", { class: "panel" }, h("h3", {}, "Rising words that the model does not know"), h("p", { class: "soft" }, "None that stands in five documents."))),
    h("h2", {}, `Drift over the last ${Number(drift.window_hours.toPrecision(3))} hours`),
    h("p", { class: "legend" }, drift.has_reference ? [h("span", {}, h("span", { class: "key expected" }), " what the model expects"), h("span", {}, h("span", { class: "key met" }), " what was met"), h("span", {}, "An index (PSI) over 0.1 is a change, over 0.25 a large one.")] : "This model carries no reference to compare with."),
    h("div", { class: "charts" }, (worst.length ? worst : drift.quantities.slice(0, 4)).map((each) => distribution(
      each.topic ? `${each.quantity}: ${label(each.topic)}` : each.quantity.replaceAll("_", " "), each.bins,
      h("p", { class: "soft" }, h("span", { class: `badge ${{ stable: "good", changed: "doubt", much_changed: "bad" }[each.reading] ?? ""}` }, READINGS[each.reading] ?? each.reading),
        ` ${each.psi === null ? "" : `PSI ${each.psi.toFixed(3)}, `}${count(each.count)} seen`)))));
}
