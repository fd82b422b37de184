import type { JsonObject } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import { splitText } from "../../split-text.ts";

const MENTION = /<spark-mention\b([^<>]*)>([^<>]*)<\/spark-mention>/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " " };

/** A text without what would make the request invalid. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

/** Splits a text into parts of at most `maxBytes`; no code point is cut. */
export function splitBytes(text: string, maxBytes: number): readonly string[] {
  const fitting = (part: string): readonly string[] =>
    Buffer.byteLength(part) <= maxBytes
      ? [part]
      : splitText(part, Math.max(2, Math.ceil(part.length / 2))).flatMap(fitting);
  return splitText(text, maxBytes).flatMap(fitting);
}

/** A message's text without the mention that called the worker. The html names who is mentioned, the text only how they are called. */
export function withoutMention(
  text: string,
  { html, self }: { readonly html: string; readonly self: JsonObject },
): string {
  const id = textIn(self.id) ?? "";
  const names = [...html.matchAll(MENTION)]
    .filter(([, attributes = ""]) => isMentioned(attributes, id))
    .map(([, , name = ""]) => unescaped(name));
  const shown = textIn(self.displayName);
  const called = names.length > 0 ? names : shown !== undefined && text.startsWith(shown) ? [shown] : [];
  let said = text;
  for (const name of called) {
    const at = name === "" ? -1 : said.indexOf(name);
    if (at >= 0) said = said.slice(0, at) + said.slice(at + name.length);
  }
  return said.trim();
}

function isMentioned(attributes: string, self: string): boolean {
  const id = /data-object-id="([^"]*)"/.exec(attributes)?.[1] ?? "";
  if (id === "" || self === "") return false;
  // Some messages have the id that is within the public one: `ciscospark://us/PEOPLE/{id}` in base64.
  return id === self || Buffer.from(self, "base64").toString().endsWith(`/${id}`);
}

function unescaped(html: string): string {
  return html.replaceAll(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
