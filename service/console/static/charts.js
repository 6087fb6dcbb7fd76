// Small charts as SVG; colours come from the style sheet, numbers stand beside the drawing for who cannot see it.

import { h, percent, svg } from "./dom.js";

const SIDE = 160;
const DASH = "–";

const text = (x, y, anchor, told, more = {}) => svg("text", { x, y, "text-anchor": anchor, ...more }, told);

// lines: [{name: "ours" | "theirs", points: [[x, y], …]}] in [0, 1]; ends: what 0 and 1 stand for, [[left, right], [bottom, top]]
export function square(title, [across, up], lines, { diagonal = false, ends = [["0", "1"], ["0", "1"]], dots = false } = {}) {
  const at = ([x, y]) => [SIDE * x, SIDE * (1 - y)].map((each) => each.toFixed(1));
  const path = (points) => points.map((point, i) => `${i ? "L" : "M"}${at(point).join(" ")}`).join("");
  const half = SIDE / 2;
  return h("figure", { class: "plot" },
    h("figcaption", {}, title),
    svg("svg", { viewBox: `-30 -8 ${SIDE + 40} ${SIDE + 34}`, role: "img", "aria-label": `${title}: ${up} by ${across}` },
      svg("rect", { class: "axis", width: SIDE, height: SIDE }),
      svg("path", { class: "axis", d: `M${half} 0V${SIDE}M0 ${half}H${SIDE}${diagonal ? `M0 ${SIDE}L${SIDE} 0` : ""}` }),
      lines.map((line) => svg("path", { class: line.name, d: path(line.points) })),
      dots ? lines.flatMap((line) => line.points.map((point) => svg("circle", { class: `dot ${line.name}`, cx: at(point)[0], cy: at(point)[1], r: 2.5 }))) : null,
      text(0, SIDE + 12, "start", ends[0][0]), text(SIDE, SIDE + 12, "end", ends[0][1]), text(half, SIDE + 20, "middle", across),
      text(-4, SIDE, "end", ends[1][0]), text(-4, 8, "end", ends[1][1]), text(-8, half, "middle", up, { transform: `rotate(-90 -8 ${half})` })));
}

// rows: [{label, parts: [{value, name, title}], told}]; every bar against the largest sum
export function bars(title, columns, rows) {
  const most = Math.max(1e-9, ...rows.map((row) => row.parts.reduce((sum, part) => sum + part.value, 0)));
  return h("section", { class: "panel" }, h("h3", {}, title),
    h("table", { class: "bars" },
      h("thead", {}, h("tr", {}, columns.map((name, i) => (name ? h("th", { scope: "col", class: i > 1 ? "n" : "" }, name) : h("td", {}))))),
      h("tbody", {}, rows.map((row) => {
        let x = 0;
        return h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, row.label)),
          h("td", { class: "share" }, svg("svg", { viewBox: "0 0 120 10", "aria-hidden": true, preserveAspectRatio: "none" },
            row.parts.map((part) => {
              const width = (120 * part.value) / most;
              x += width;
              return svg("rect", { class: part.name, x: x - width, width, height: 10 });
            }))),
          row.told.map((each) => h("td", { class: "n" }, each)));
      }))));
}

// one distribution beside the one that was expected
export function distribution(title, bins, remark) {
  const most = Math.max(1e-9, ...bins.flatMap((bin) => [bin.expected ?? 0, bin.observed]));
  const [wide, high] = [240 / bins.length, 64];
  const bar = (name, x, share) => svg("rect", { class: name, x, y: high * (1 - share / most), width: wide / 2 - 1, height: (high * share) / most });
  const label = bins.map((bin) => `${edge(bin)} ${percent(bin.observed)}${bin.expected === null ? "" : ` of ${percent(bin.expected)} expected`}`).join(", ");
  return h("figure", { class: "panel" }, h("figcaption", {}, h("h3", {}, h("bdi", {}, title)), remark),
    svg("svg", { viewBox: `-8 -2 256 ${high + 18}`, role: "img", "aria-label": `${title}: ${label}` },
      bins.map((bin, i) => [bar("expected", i * wide + 1, bin.expected ?? 0), bar("met", (i + 0.5) * wide, bin.observed)]).flat(),
      bins.map((bin, i) => (i % Math.ceil(bins.length / 6) ? null : text((i + 0.5) * wide, high + 12, "middle", edge(bin)))),
      svg("path", { class: "axis", d: `M0 ${high}H240` })));
}

const edge = (bin) => (bin.up_to === null ? "more" : `≤ ${Number(bin.up_to.toPrecision(3)).toLocaleString("en")}`);

// the last minutes: values one a look, null where there was none; most: the top of the scale
export function trend(title, values, told, most = Math.max(1e-9, ...values)) {
  const step = 240 / Math.max(1, values.length - 1);
  let pen = "M";
  const d = values.map((value, i) => {
    if (value === null) { pen = "M"; return ""; }
    const each = `${pen}${(i * step).toFixed(1)} ${(40 * (1 - value / most)).toFixed(1)}`;
    pen = "L";
    return each;
  }).join("");
  return h("figure", { class: "panel trend" }, h("figcaption", {}, h("h3", {}, title), h("p", { class: "big" }, told ?? DASH)),
    svg("svg", { viewBox: "-2 -3 244 46", role: "img", "aria-label": `${title} since this view was opened` },
      svg("path", { class: "axis", d: "M0 40H240" }), d ? svg("path", { class: "ours", d }) : null));
}
