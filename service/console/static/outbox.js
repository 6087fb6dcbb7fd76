// Corrections on their way. They lie in the browser's storage until the service has them, through reloads and lost connections.

import { call } from "./api.js";
import { byId, h, show } from "./dom.js";

const NAME = "wiretag.outbox";
const LONGEST = 60_000; // milliseconds between two tries

let timer = null;
let wait = 0;
let sending = false;

const read = () => JSON.parse(localStorage.getItem(NAME) ?? "[]");
const write = (letters) => localStorage.setItem(NAME, JSON.stringify(letters));

export function post(body) {
  const letter = { key: crypto.randomUUID(), body, fault: null };
  write([...read(), letter]);
  wait = 0;
  send();
  return letter.key;
}

export async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(timer);
  for (const letter of read().filter((each) => !each.fault)) {
    try {
      await call("POST", "/corrections", letter.body, { "Idempotency-Key": letter.key });
      write(read().filter((each) => each.key !== letter.key));
      document.dispatchEvent(new CustomEvent("corrected", { detail: letter }));
      wait = 0;
    } catch (error) {
      if (error.passing || error.status === 401 || error.status === 403) {
        wait = Math.min(LONGEST, 2 * wait || 2000);
        timer = setTimeout(send, wait);
        tell(error.message);
        sending = false;
        return;
      }
      write(read().map((each) => (each.key === letter.key ? { ...each, fault: error.message } : each)));
    }
  }
  sending = false;
  tell();
}

function tell(trouble = "") {
  const letters = read();
  const refused = letters.filter((each) => each.fault);
  const waiting = letters.length - refused.length;
  const place = byId("outbox");
  place.title = trouble;
  show(place,
    waiting ? h("span", { class: "waiting" }, `${waiting} not saved yet. ${trouble}`) : null,
    waiting ? h("button", { type: "button", onclick: () => { wait = 0; send(); } }, "Try now") : null,
    refused.length ? h("span", { class: "bad" }, `Refused: ${refused[0].fault}`) : null,
    refused.length ? h("button", { type: "button", onclick: () => { write(read().filter((each) => !each.fault)); tell(); } }, "Drop") : null);
}

addEventListener("online", () => { wait = 0; send(); });
addEventListener("storage", (event) => { if (event.key === NAME) tell(); });
