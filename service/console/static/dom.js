// Building the page from values. Text only ever becomes text nodes: no document is read as HTML.

export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-")) element.setAttribute(name, String(value)); // "false" says something there
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...some(children));
  return element;
}

const some = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

export function show(container, ...children) {
  container.replaceChildren(...some(children));
}

export const byId = (id) => document.getElementById(id);

export function problem(error, retry = null) {
  const places = error.places ?? [];
  return h("div", { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, error.title), " ", error.message),
    places.length > 1 ? h("ul", {}, ...places.map((each) => h("li", {}, `${each.pointer}: ${each.detail}`))) : null,
    error.status === 401 ? h("button", { type: "button", onclick: () => byId("key-button").click() }, "Give a key") : null,
    retry ? h("button", { type: "button", onclick: retry }, "Try again") : null);
}

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`;
export const count = (value) => value.toLocaleString("en");

// A name that nobody else makes. crypto.randomUUID exists over HTTPS and on loopback alone.
export const unique = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
