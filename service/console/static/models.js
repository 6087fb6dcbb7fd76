// The releases: how good they are, what changed, and which one serves.

import { call, forget } from "./api.js";
import { square } from "./charts.js";
import { byId, h, percent, problem, show } from "./dom.js";

export async function enter() {
  show(byId("models-problem"));
  try {
    const listing = await call("GET", "/models");
    show(byId("models-status"), listing.model_version ? `${listing.model_version} serves.` : "No model serves.");
    const serving = listing.models.find((each) => each.current);
    show(byId("models-list"),
      listing.models.some((each) => each.previous) ? h("button", { type: "button", onclick: () => ask("Roll back?", "The version that served before serves again, in every worker.", "/models/rollback") }, "Roll back") : null,
      ...listing.models.toReversed().map((each) => model(each, serving)));
  } catch (error) {
    show(byId("models-problem"), problem(error));
  }
}

function model(each, serving) {
  const more = h("div", {});
  const rows = Object.entries(each.figures ?? {}).flatMap(([set, figures]) => Object.entries(figures)
    .filter(([, value]) => typeof value === "number" && value <= 1)
    .map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, `${set}: ${name.replaceAll("_", " ")}`), h("td", { class: "n" }, value.toFixed(3)))));
  return h("article", { class: `card ${each.current ? "main" : ""}` },
    h("h2", {}, each.version, " ", each.current ? h("span", { class: "good" }, "serves") : each.previous ? h("span", { class: "soft" }, "served before") : ""),
    each.fault ? h("p", { class: "bad" }, each.fault) : h("p", { class: "soft" }, `Made ${each.created}; ${each.topics.length} topics.`),
    rows.length ? h("details", {}, h("summary", {}, "Figures"), h("div", { class: "wide" }, h("table", {}, h("tbody", {}, ...rows)))) : null,
    h("div", { class: "row" },
      each.current || each.fault ? null : h("button", { type: "button", onclick: () => ask(`Let ${each.version} serve?`, "Every worker switches within a second. You can roll back.", `/models/${encodeURIComponent(each.version)}/activate`) }, "Activate"),
      each.fault ? null : h("button", { type: "button", onclick: () => details(each, serving, more) }, "Curves and changes")),
    more);
}

async function details(each, serving, place) {
  show(place, h("p", { class: "soft" }, "Reading…"));
  const path = `/models/${encodeURIComponent(each.version)}`;
  try {
    const [report, changes] = await Promise.all([
      call("GET", `${path}/report`).catch((error) => (error.status === 404 ? null : Promise.reject(error))),
      serving && serving.version !== each.version ? call("GET", `${path}/changes`) : null,
    ]);
    show(place,
      changes ? h("div", {}, h("h3", {}, `Against ${changes.before}`), h("ul", {}, ...(changes.changes.length ? changes.changes : ["no difference"]).map((line) => h("li", {}, line)))) : null,
      report ? h("div", {}, gate(report), ...curves(report)) : h("p", { class: "soft" }, "No retraining made this version, so there is no report of one."));
  } catch (error) {
    show(place, problem(error));
  }
}

function gate(report) {
  const told = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toLocaleString("en"));
  return h("div", { class: "wide" }, h("table", {}, h("caption", {}, `${report.outcome}${report.forced ? " by force" : ""}: challenger against ${report.champion ?? "no champion"}`),
    h("thead", {}, h("tr", {}, ...["test", "champion", "challenger", "asked", "verdict"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...report.gate.checks.map((check) => h("tr", {}, h("th", { scope: "row" }, check.name), h("td", { class: "n" }, told(check.champion)), h("td", { class: "n" }, told(check.challenger)),
      h("td", { class: "soft" }, check.asked), h("td", { class: check.passed ? "good" : "bad" }, check.passed ? "✓ passed" : "✗ failed"))))));
}

function curves(report) {
  const lines = (each) => ["champion", "challenger"].filter((who) => each[who]).map((who) => ({ name: who === "champion" ? "theirs" : "ours", points: each[who] }));
  const drawn = Object.entries(report.curves ?? {}).map(([topic, each]) => h("div", {}, h("h3", {}, topic), h("div", { class: "charts" },
    square("Precision and recall", "recall", "precision", lines(each.precision_recall)),
    square("Reliability", "score", "share that is right", lines(each.reliability), true))));
  const curve = report.learning_curve;
  if (curve?.sizes.length > 1) {
    const [low, high] = [Math.min(...curve.macro_f1) - 0.02, Math.max(...curve.macro_f1) + 0.02];
    const points = curve.sizes.map((size, i) => [size / curve.sizes.at(-1), (curve.macro_f1[i] - low) / (high - low)]);
    drawn.push(h("div", {}, h("h3", {}, "Learning curve"), square(`Macro F1 from ${low.toFixed(2)} to ${high.toFixed(2)}, up to ${curve.sizes.at(-1).toLocaleString("en")} segments`, "segments", "macro F1", [{ name: "ours", points }]),
      curve.expected_gain_of_500_labels === null ? null : h("p", {}, `Another 500 labels would likely bring ${percent(Math.max(0, curve.expected_gain_of_500_labels))}.`)));
  }
  return [h("p", { class: "soft" }, "Line: this version. Dashes: the one before."), ...drawn];
}

function ask(title, text, path) {
  const dialog = byId("confirm-dialog");
  byId("h-confirm").textContent = title;
  byId("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "yes") return;
    try {
      await call("POST", path);
      forget();
      await enter();
    } catch (error) {
      show(byId("models-problem"), problem(error));
    }
  }, { once: true });
  dialog.showModal();
}
