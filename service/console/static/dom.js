// Building the page from values. Text only ever becomes text nodes: no document is read as HTML.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, attributes, children);
  return element;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

export function show(container, ...children) {
  container.replaceChildren(...children.flat().filter(Boolean));
}

export const byId = (id) => document.getElementById(id);

export function problem(error) {
  const place = (error.places ?? []).map((each) => h("li", {}, `${each.pointer}: ${each.detail}`));
  return h("div", { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, error.title), " ", error.message),
    place.length > 1 ? h("ul", {}, ...place) : null);
}

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`;
