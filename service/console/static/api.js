// Requests to the service, with the reader's key, and its problems as errors in words.

const KEY = "wiretag.key";
const LONGEST = 60_000; // milliseconds that an answer may take

export class Failure extends Error {
  constructor(status, title, detail, places = []) {
    super(detail);
    Object.assign(this, { status, title, places });
  }

  // whether the same request may succeed later
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

const WORDS = {
  401: "Press Key and give yours.",
  403: "Ask whoever runs this service for a key with that role.",
};

export async function call(method, path, body = undefined, headers = {}, signal = undefined) {
  const all = { Accept: "application/json", ...headers };
  if (key.get()) all.Authorization = `Bearer ${key.get()}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const limit = AbortSignal.timeout(LONGEST);
  let answer;
  try {
    answer = await fetch(path, {
      method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), credentials: "omit",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.ok) return await ((answer.headers.get("Content-Type") ?? "").includes("json") ? answer.json() : answer.text());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "No answer.", "The service cannot be reached. Nothing is lost: what you entered stays here.");
  }
  const told = await answer.json().catch(() => ({}));
  throw new Failure(answer.status, `${told.title ?? "Error"}.`, [told.detail ?? `The service answered ${answer.status}`, WORDS[answer.status]].filter(Boolean).join(". "), told.errors);
}

let known = null;

export async function topics() {
  known ??= call("GET", "/topics").catch((error) => {
    known = null;
    throw error;
  });
  return (await known).topics;
}

export const forget = () => { known = null; };
