// What a reader set on segments, kept in this tab: drawing a page anew, or reloading it, loses nothing.

const NAME = "wiretag.choices";
const MOST = 300; // segments remembered

// no word of a segment is kept, only numbers that tell it from others
function mark({ headline, text }) {
  const all = `${headline ?? ""}\n${text}`;
  let [a, b] = [7, 11];
  for (let at = 0; at < all.length; at += 1) {
    const code = all.charCodeAt(at);
    a = (a * 31 + code) % 4294967291;
    b = (b * 137 + code) % 4294967279;
  }
  return `${a}.${b}.${all.length}`;
}

const read = () => new Map(JSON.parse(sessionStorage.getItem(NAME) ?? "[]"));

export const recall = (segment) => read().get(mark(segment));

// choice: {wanted, saved, letter}; topics by id, `letter` the correction that was sent
export function remember(segment, choice) {
  const all = read();
  all.delete(mark(segment));
  all.set(mark(segment), choice);
  try {
    sessionStorage.setItem(NAME, JSON.stringify([...all].slice(-MOST)));
  } catch { /* a full storage remembers no more; corrections have their own */ }
}
