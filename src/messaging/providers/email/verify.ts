/**
 * Who a message is from, as the operator's own mail server found. It writes what it checked into Authentication-Results under its name
 * (authserv-id); the same header from anybody else is a claim, and counts for nothing.
 * @see https://www.rfc-editor.org/rfc/rfc8601
 * @see https://www.rfc-editor.org/rfc/rfc7489#section-3.1
 */
import type { MailHeader } from "./parse-mail.ts";

/** What proved the sender's domain. */
export type SenderProof = "dmarc" | "dkim" | "spf";

interface MethodResult {
  readonly method: string;
  readonly result: string;
  /** `header.d` → `example.com`. */
  readonly properties: ReadonlyMap<string, string>;
}

const MAX_HEADER_UNITS = 16_384;

/**
 * Tells by what the domain of the From address is proved: DMARC, else a signature or envelope of the same domain or one above it.
 * Only the topmost header of the trusted server counts: it writes on top, and what stands below may have come with the message.
 */
export function senderProof(
  headers: readonly MailHeader[],
  { authserv, domain }: { readonly authserv: string | undefined; readonly domain: string },
): SenderProof | undefined {
  if (authserv === undefined) return undefined;
  for (const { name, value } of headers) {
    if (name !== "authentication-results" || value.length > MAX_HEADER_UNITS) continue;
    const [first, ...rest] = statementsOf(value);
    if (first?.[0]?.toLowerCase() !== authserv.toLowerCase()) continue;
    return proofIn(rest.map(methodOf), domain);
  }
  return undefined;
}

function proofIn(results: readonly MethodResult[], domain: string): SenderProof | undefined {
  const passes = (method: string): readonly MethodResult[] =>
    results.filter((one) => one.method === method && one.result === "pass");
  const isFor = (of: string | undefined): boolean => of === undefined || of.toLowerCase() === domain;
  if (passes("dmarc").some(({ properties }) => isFor(properties.get("header.from")))) return "dmarc";
  if (results.some(({ method, result }) => method === "dmarc" && result !== "none" && result !== "pass"))
    return undefined;
  const isAligned = (of: string | undefined): boolean => {
    const by = of?.slice(of.lastIndexOf("@") + 1).toLowerCase() ?? "";
    return by.includes(".") && (by === domain || domain.endsWith(`.${by}`));
  };
  if (passes("dkim").some(({ properties }) => isAligned(properties.get("header.d")))) return "dkim";
  return passes("spf").some(({ properties }) => isAligned(properties.get("smtp.mailfrom"))) ? "spf" : undefined;
}

function methodOf(words: readonly string[]): MethodResult {
  const [first = "", ...rest] = words;
  const [method = "", result = ""] = first.toLowerCase().split("=");
  const properties = new Map<string, string>();
  for (const word of rest) {
    const at = word.indexOf("=");
    const name = word.slice(0, Math.max(at, 0)).toLowerCase();
    // The first one counts, as the first header does.
    if (at > 0 && !properties.has(name)) properties.set(name, word.slice(at + 1));
  }
  return { method: method.split("/", 1)[0] ?? "", result, properties };
}

/** The words between semicolons; comments are white space, quoted strings are text. */
function statementsOf(value: string): readonly (readonly string[])[] {
  const statements: string[][] = [[]];
  let word = "";
  let depth = 0;
  let isQuoted = false;
  const endWord = (): void => {
    if (word !== "") statements.at(-1)?.push(word);
    word = "";
  };
  for (let at = 0; at < value.length; at++) {
    const sign = value[at] ?? "";
    if (sign === "\\" && (isQuoted || depth > 0)) {
      at++;
      if (isQuoted) word += value[at] ?? "";
    } else if (sign === '"' && depth === 0) isQuoted = !isQuoted;
    else if (isQuoted) word += sign;
    else if (sign === "(") depth++;
    else if (sign === ")" && depth > 0) depth--;
    else if (depth > 0) continue;
    else if (sign === ";") {
      endWord();
      statements.push([]);
    } else if (/\s/.test(sign)) endWord();
    else word += sign;
  }
  endWord();
  // `dkim = pass` is one word with white space in it.
  return statements.map((words) => joinEquals(words));
}

function joinEquals(words: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    if (before !== undefined && (word.startsWith("=") || before.endsWith("=")))
      joined[joined.length - 1] = before + word;
    else joined.push(word);
  }
  return joined;
}
