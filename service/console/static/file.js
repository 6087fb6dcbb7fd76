// A file as text: UTF-8, UTF-16 with its mark, or what an HTML page says of itself.

import { Failure } from "./api.js";

const MOST = 20_000_000; // bytes

export async function read(file) {
  if (file.size > MOST) throw new Failure(null, "Too large.", `${file.name} has ${Math.round(file.size / 1e6)} MB; open one page at a time.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const coding = codingOf(bytes);
  try {
    if (!coding.startsWith("utf-16") && bytes.subarray(0, 65536).includes(0)) throw new TypeError("binary");
    return new TextDecoder(coding, { fatal: true }).decode(bytes);
  } catch {
    throw new Failure(null, "Not a text.", `${file.name} is no text that can be read as ${coding.toUpperCase()}. Save the page as text or HTML, in UTF-8, and open that. What was here before stays.`);
  }
}

function codingOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2048));
  return /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1].toLowerCase() ?? "utf-8";
}
