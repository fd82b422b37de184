import { splitText } from "../../split-text.ts";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/**
 * A text as Slack takes it: `&`, `<` and `>` escaped, so that nothing in it is a mention, a link or a date; control characters and lone
 * surrogates, which it refuses, are gone. Formatting is kept off by showing it as `plain_text`.
 */
export function escapeSlack(text: string): string {
  return printable(text).replaceAll(/[&<>]/g, (char) => ESCAPES[char] ?? char);
}

/** A text without what would make the request invalid. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

/** A text that was escaped, as it was. */
export function unescapeSlack(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Splits a text into escaped parts of at most `maxUnits`; no escape is cut. */
export function splitEscaped(text: string, maxUnits: number): readonly string[] {
  const fitting = (part: string): readonly string[] => {
    const escaped = escapeSlack(part);
    if (escaped.length <= maxUnits) return escaped.trim() === "" ? [] : [escaped];
    // Escapes are up to five times as long: halves end, since a part of a fifth always fits.
    return splitText(part, Math.max(2, Math.ceil(part.length / 2))).flatMap(fitting);
  };
  return splitText(printable(text), maxUnits).flatMap(fitting);
}

/** A text of one line, escaped and at most `maxUnits` long, an ellipsis where something is missing; `fallback` where it is empty. */
export function shortEscaped(text: string, maxUnits: number, fallback: string): string {
  const line = printable(text.slice(0, maxUnits * 8))
    .replaceAll(/\s+/g, " ")
    .trim();
  const start = line.slice(0, maxUnits + 1).toWellFormed();
  const [first = fallback, ...rest] = splitEscaped(start, maxUnits);
  if (rest.length === 0 && start === line) return first;
  const [shorter = fallback] = splitEscaped(start, maxUnits - 1);
  return `${shorter}…`;
}

/** What a person wrote, of Slack's markup: mentions and links as they look, escapes undone; the worker's own mention at the start is gone. */
export function readSlackText(text: string, self: string | undefined): string {
  const own = self === undefined ? undefined : `<@${self}>`;
  const said = own !== undefined && text.trimStart().startsWith(own) ? text.trimStart().slice(own.length) : text;
  const read = said.replaceAll(/<([^<>|]*)(?:\|([^<>]*))?>/g, (_, target: string, label: string | undefined) =>
    shown(target, label),
  );
  return unescapeSlack(read).trim();
}

function shown(target: string, label: string | undefined): string {
  const kind = target[0] ?? "";
  if (kind === "@" || kind === "#") return label === undefined || label === "" ? target : `${kind}${label}`;
  if (kind === "!") return label ?? `@${target.slice(1).split("^", 1)[0] ?? ""}`;
  const url = target.replace(/^(?:mailto|tel):/, "");
  return label === undefined || label === "" || label === url ? url : `${label} (${url})`;
}
