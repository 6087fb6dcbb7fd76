// Small charts as SVG; colours come from the style sheet, numbers stand beside the drawing for who cannot see it.

import { h, percent, svg } from "./dom.js";

const SIDE = 160;

// lines: [{name: "ours" | "theirs", points: [[x, y], …]}] in [0, 1]
export function square(title, across, up, lines, diagonal = false) {
  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${(SIDE * x).toFixed(1)} ${(SIDE * (1 - y)).toFixed(1)}`).join("");
  return h("figure", { class: "chart" },
    svg("svg", { viewBox: `-22 -6 ${SIDE + 30} ${SIDE + 28}`, role: "img", "aria-label": title },
      svg("rect", { class: "axis", x: 0, y: 0, width: SIDE, height: SIDE }),
      diagonal ? svg("path", { class: "axis", d: `M0 ${SIDE}L${SIDE} 0` }) : null,
      ...lines.map((line) => svg("path", { class: line.name, d: path(line.points) })),
      svg("text", { class: "soft", x: SIDE / 2, y: SIDE + 16, "text-anchor": "middle" }, across),
      svg("text", { class: "soft", x: -8, y: SIDE / 2, "text-anchor": "middle", transform: `rotate(-90 -8 ${SIDE / 2})` }, up)),
    h("figcaption", {}, title));
}

// rows: [{label, parts: [{value, name, title}], told}]; every bar against the largest sum
export function bars(title, rows) {
  const most = Math.max(1e-9, ...rows.map((row) => row.parts.reduce((sum, part) => sum + part.value, 0)));
  return h("figure", { class: "chart" }, h("figcaption", {}, h("h3", {}, title)),
    h("table", {}, h("tbody", {}, ...rows.map((row) => {
      let x = 0;
      return h("tr", {}, h("th", { scope: "row" }, row.label),
        h("td", { class: "bar-cell" }, svg("svg", { viewBox: "0 0 120 10", "aria-hidden": "true", preserveAspectRatio: "none" },
          ...row.parts.map((part) => {
            const width = (120 * part.value) / most;
            x += width;
            return svg("rect", { class: part.name, x: x - width, y: 1, width, height: 8 }, svg("title", {}, part.title ?? ""));
          }))),
        h("td", { class: "n" }, row.told));
    }))));
}

// one distribution beside the one that was expected
export function distribution(title, bins, remark) {
  const most = Math.max(1e-9, ...bins.flatMap((bin) => [bin.expected ?? 0, bin.observed]));
  const width = 240 / bins.length;
  return h("figure", { class: "chart" }, h("figcaption", {}, h("h3", {}, title), remark),
    svg("svg", { viewBox: "0 -4 240 96", role: "img", "aria-label": `${title}: ${bins.map((bin) => `${edge(bin)}: ${percent(bin.observed)}${bin.expected === null ? "" : ` of ${percent(bin.expected)} expected`}`).join("; ")}` },
      ...bins.flatMap((bin, i) => [
        svg("rect", { class: "bar-rest", x: i * width + 1, y: 70 * (1 - (bin.expected ?? 0) / most), width: width / 2 - 1, height: (70 * (bin.expected ?? 0)) / most }),
        svg("rect", { class: "bar-fill", x: (i + 0.5) * width, y: 70 * (1 - bin.observed / most), width: width / 2 - 1, height: (70 * bin.observed) / most }),
        i % Math.ceil(bins.length / 6) ? null : svg("text", { class: "soft", x: (i + 0.5) * width, y: 86, "text-anchor": "middle" }, edge(bin)),
      ].filter(Boolean)),
      svg("path", { class: "axis", d: "M0 70H240" })));
}

const edge = (bin) => (bin.up_to === null ? "more" : `≤ ${Number(bin.up_to.toPrecision(3)).toLocaleString("en")}`);
