// The releases: how good they are, what changed, and which one serves.

import { call, forget, topics } from "./api.js";
import { square } from "./charts.js";
import { byId, count, h, percent, problem, show } from "./dom.js";

const SETS = { held_out_folds: "held-out folds" };
const COLUMNS = [ // of a set of texts; the last says whether more is better
  ["macro F1", "macro_f1", 1], ["false alarms", "false_alarm_rate", -1], ["precision when assigned", "assigned_precision", 1],
  ["found or for review", "assigned_or_review_recall", 1], ["calibration error", "calibration_error", -1],
];

let opened = null; // the version whose curves are shown

export async function enter(options) {
  opened = options.get("show");
  await list();
}

async function list(told = "") {
  try {
    const listing = await call("GET", "/models");
    const serving = listing.models.find((each) => each.current);
    const before = listing.models.find((each) => each.previous);
    show(byId("models-problem"));
    show(byId("models-status"), told, " ", listing.model_version ? ["Now serving ", h("strong", {}, listing.model_version), `. ${listing.models.length === 1 ? "1 version" : `${listing.models.length} versions`}.`] : "No model serves.");
    show(byId("models-list"),
      before ? h("p", {}, h("button", { type: "button", onclick: () => ask("Roll back?", `${before.version} served before. It serves again in every worker within a second.`, "/models/rollback") }, `Roll back to ${before.version}`)) : null,
      ...listing.models.toReversed().sort((a, b) => b.current - a.current).map((each) => model(each, serving)));
  } catch (error) {
    show(byId("models-problem"), problem(error, () => list()));
  }
}

function model(each, serving) {
  const more = h("div", { class: "details" });
  const isOpen = () => opened === each.version;
  const toggle = h("button", { type: "button", "aria-expanded": isOpen(), onclick: () => turn(isOpen() ? null : each.version) }, "Curves and changes");
  const draw = () => (isOpen() ? details(each, serving, more) : show(more));
  const turn = (version) => {
    opened = version;
    history.replaceState(null, "", version ? `#models?show=${encodeURIComponent(version)}` : "#models");
    toggle.setAttribute("aria-expanded", String(isOpen()));
    draw();
  };
  const element = h("article", { class: `card ${each.current ? "main" : ""}`, "aria-label": each.version },
    h("h2", {}, each.version, " ", each.current ? h("span", { class: "badge good" }, "serves") : each.previous ? h("span", { class: "badge" }, "served before") : null),
    each.fault ? h("p", { class: "bad" }, each.fault) : h("p", { class: "soft" }, `Made ${each.created}, ${each.topics.length} topics.`),
    ...(each.figures ? figures(each, serving) : []),
    h("div", { class: "row" },
      each.current || each.fault ? null : h("button", { type: "button", onclick: () => ask(`Let ${each.version} serve?`, "Every worker switches within a second. You can roll back.", `/models/${encodeURIComponent(each.version)}/activate`) }, "Activate"),
      each.fault ? null : toggle),
    more);
  if (isOpen() && !each.fault) draw();
  return element;
}

const fixed = (value) => (typeof value === "number" ? value.toFixed(3) : "–");

// A figure, and beside it how far it is from the serving version's on the same set.
function figure(ours, theirs, better) {
  const change = typeof ours === "number" && typeof theirs === "number" ? ours - theirs : 0;
  const moved = Math.abs(change) >= 0.0005;
  return h("td", { class: "n" }, fixed(ours), moved ? h("span", { class: change * better > 0 ? "good" : "bad" }, ` ${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(3)}`) : null);
}

function figures(each, serving) {
  const sets = Object.entries(each.figures);
  const other = (set) => { // compared only where both were measured on the same
    const [ours, theirs] = [each.figures[set], serving?.figures?.[set]];
    return !each.current && theirs?.sha256 === ours.sha256 && theirs?.segments === ours.segments ? theirs : {};
  };
  const texts = sets.filter(([, given]) => "macro_f1" in given);
  const pages = sets.filter(([, given]) => "segment_f1" in given);
  const name = (set) => SETS[set] ?? set.replaceAll("_", " ");
  const topics = [...new Set(texts.flatMap(([, given]) => Object.keys(given.topics ?? {})))];
  return [
    texts.length ? wide([["measured on"], ["texts", "n"], ...COLUMNS.map(([told]) => [told, "n"])], texts.map(([set, given]) => [
      name(set), h("td", { class: "n" }, count(given.segments ?? 0)), ...COLUMNS.map(([, key, better]) => figure(given[key], other(set)[key], better))])) : null,
    ...pages.map(([set, given]) => h("p", { class: "soft" }, `${name(set)}: segments cut right ${fixed(given.segment_f1)} (F1), junk leaking in ${percent(given.junk_leak)}, roles right ${percent(given.role_accuracy)}, all right from page to topic ${fixed(given.end_to_end_f1)}.`)),
    topics.length ? h("details", {}, h("summary", {}, "F1 by topic"), wide([["topic"], ...texts.map(([set]) => [name(set), "n"])], topics.map((topic) => [
      topic, ...texts.map(([set, given]) => figure(given.topics?.[topic]?.f1, other(set).topics?.[topic]?.f1, 1))]))) : null,
  ];
}

// columns: [told, class]; rows: a name, then cells
function wide(columns, rows, caption = null) {
  return h("div", { class: "wide", tabindex: 0, role: "group", "aria-label": caption ?? columns[0][0] }, h("table", {}, caption ? h("caption", {}, caption) : null,
    h("thead", {}, h("tr", {}, columns.map(([told, kind]) => h("th", { scope: "col", class: kind }, told)))),
    h("tbody", {}, rows.map(([first, ...cells]) => h("tr", {}, h("th", { scope: "row" }, first), cells)))));
}

async function details(each, serving, place) {
  show(place, h("p", { class: "soft" }, "Reading…"));
  const path = `/models/${encodeURIComponent(each.version)}`;
  try {
    const [report, changes, known] = await Promise.all([
      call("GET", `${path}/report`).catch((error) => (error.status === 404 || error.status === 409 ? null : Promise.reject(error))),
      serving && serving.version !== each.version ? call("GET", `${path}/changes`) : null,
      topics().catch(() => []),
    ]);
    show(place,
      changes ? [h("h3", {}, `What moves if it replaces ${changes.before}`), h("ul", { class: "changes" }, (changes.changes.length ? changes.changes : ["nothing"]).map(change))] : null,
      report ? [h("h3", {}, "Champion and challenger"), gate(report), ...curves(report, new Map(known.map((topic) => [topic.id, topic.label])))] : h("p", { class: "soft" }, "No retraining made this version, so there are no curves of one."));
  } catch (error) {
    show(place, problem(error));
  }
}

function change(line) {
  const [, head, rest] = /^(.*?: (?:more for|less for)?)(.*)$/.exec(line) ?? [null, "", line];
  return h("li", {}, h("strong", {}, head), h("bdi", {}, rest));
}

function gate(report) {
  const told = (value) => h("td", { class: "n" }, value === null ? "–" : Number(value.toPrecision(4)).toLocaleString("en"));
  const caption = `${report.challenger} was ${report.outcome}${report.forced ? " by force" : ""}, against ${report.champion ?? "no champion"}`;
  return wide([["test"], ["champion", "n"], ["challenger", "n"], ["asked"], ["verdict"]], report.gate.checks.map((check) => [
    check.name.replaceAll("_", " "), told(check.champion), told(check.challenger), h("td", { class: "soft" }, check.asked), h("td", { class: check.passed ? "good" : "bad" }, check.passed ? "✓ passed" : "✗ failed")]), caption);
}

function curves(report, labels) {
  const lines = (each) => ["champion", "challenger"].filter((who) => each[who]).map((who) => ({ name: who === "champion" ? "theirs" : "ours", points: each[who] }));
  const drawn = Object.entries(report.curves ?? {}).map(([topic, each]) => h("section", { class: "panel" }, h("h4", {}, h("bdi", {}, labels.get(topic) ?? topic)), h("div", { class: "pair" },
    square("Precision and recall", ["recall", "precision"], lines(each.precision_recall)),
    square("Reliability", ["score", "share that is right"], lines(each.reliability), { diagonal: true, dots: true }))));
  const curve = report.learning_curve;
  if (curve?.sizes.length > 1) {
    const [low, high] = [Math.min(...curve.macro_f1) - 0.02, Math.max(...curve.macro_f1) + 0.02];
    const points = curve.sizes.map((size, i) => [size / curve.sizes.at(-1), (curve.macro_f1[i] - low) / (high - low)]);
    const gain = curve.expected_gain_of_500_labels;
    drawn.push(h("section", { class: "panel" }, h("h4", {}, "Learning curve"), h("div", { class: "pair" },
      square("What more labels bring", ["labelled segments", "macro F1"], [{ name: "ours", points }], { dots: true, ends: [["0", count(curve.sizes.at(-1))], [low.toFixed(2), high.toFixed(2)]] }),
      gain === null || gain === undefined ? null : h("p", {}, "Another 500 labels would likely bring ", h("strong", {}, `${(100 * Math.max(0, gain)).toFixed(2)} points`), " of macro F1."))));
  }
  const key = (name, told) => h("span", {}, h("span", { class: `key ${name}` }), ` ${told}`);
  return drawn.length ? [h("p", { class: "legend" }, key("ours", "this version"), key("theirs", "the champion of then")), h("div", { class: "charts" }, drawn)] : [];
}

let asked = null; // the address that a "Yes" will be sent to, once

function ask(title, text, path) {
  const dialog = byId("confirm-dialog");
  byId("h-confirm").textContent = title;
  byId("confirm-text").textContent = text;
  dialog.returnValue = "no";
  asked = path;
  dialog.showModal();
}

byId("confirm-dialog").addEventListener("close", async ({ target: dialog }) => {
  if (dialog.open || dialog.returnValue !== "yes" || !asked) return; // the browser may tell late of a question before
  const path = asked;
  asked = null;
  try {
    const { model_version: version, before } = await call("POST", path);
    forget();
    document.dispatchEvent(new CustomEvent("serving", { detail: version }));
    await list(before && before !== version ? `Switched from ${before}.` : "");
    byId("models-status").focus();
  } catch (error) {
    show(byId("models-problem"), problem(error));
  }
});
