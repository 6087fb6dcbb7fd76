// Corrections on their way. They lie in the browser's storage until the service has them, through reloads and lost connections.

import { call } from "./api.js";
import { byId, h, show, unique } from "./dom.js";

const NAME = "wiretag.outbox";
const LONGEST = 60_000; // milliseconds between two tries

let timer = null;
let wait = 0;
let sending = null;
let spare = null; // letters that found no room in the storage live as long as the page

const read = () => spare ?? JSON.parse(localStorage.getItem(NAME) ?? "[]");

function write(letters) {
  try {
    localStorage.setItem(NAME, JSON.stringify(letters));
    spare = null;
  } catch {
    spare = letters;
  }
}

export function post(body) {
  const letter = { key: unique(), body, fault: null };
  write([...read(), letter]);
  wait = 0;
  send();
  return letter.key;
}

// What became of a letter: "saved", "waiting", or why it was refused.
export function state(key) {
  const letter = read().find((each) => each.key === key);
  return letter ? letter.fault ?? "waiting" : "saved";
}

export function send() {
  sending ??= deliver().finally(() => { sending = null; });
  return sending;
}

async function deliver() {
  clearTimeout(timer);
  let letter;
  while ((letter = read().find((each) => !each.fault))) {
    try {
      await call("POST", "/corrections", letter.body, { "Idempotency-Key": letter.key });
      write(read().filter((each) => each.key !== letter.key));
      wait = 0;
    } catch (error) {
      if (error.passing || error.status === 401 || error.status === 403) {
        wait = Math.min(LONGEST, 2 * wait || 2000);
        timer = setTimeout(send, wait);
        tell(error);
        return;
      }
      write(read().map((each) => (each.key === letter.key ? { ...each, fault: error.message } : each)));
    }
    document.dispatchEvent(new CustomEvent("corrected", { detail: letter.key }));
  }
  tell();
}

function tell(error = null) {
  const letters = read();
  const refused = letters.filter((each) => each.fault);
  const waiting = letters.length - refused.length;
  show(byId("outbox"),
    waiting ? h("span", { class: "waiting" }, `${waiting} not saved yet. ${error ? `${error.title} ${error.message}` : ""}`) : null,
    waiting && spare ? h("span", { class: "bad" }, "The browser's storage is full: keep this page open until they are saved.") : null,
    waiting ? h("button", { type: "button", onclick: () => { wait = 0; send(); } }, "Try now") : null,
    refused.length ? h("span", { class: "bad" }, `${refused.length} refused: ${refused[0].fault}`) : null,
    refused.length ? h("button", { type: "button", onclick: () => { write(read().filter((each) => !each.fault)); tell(); } }, "Drop") : null);
}

addEventListener("online", () => { wait = 0; send(); });
addEventListener("storage", (event) => { if (event.key === NAME) tell(); });
addEventListener("beforeunload", (event) => { if (spare?.length) event.preventDefault(); });
