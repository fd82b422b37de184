import { isMap, isScalar, parse, parseDocument, stringify } from "yaml";
import type { Pair, YAMLMap } from "yaml";
import { isDeepStrictEqual } from "node:util";

type Settings = Readonly<Record<string, string>>;
/** A piece of text in the place of another. */
interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * Sets keys in a channel's `config` and leaves every other byte as it is: comments, order and style are the author's. Undefined
 * where that can't be done, and somebody has to write the lines.
 */
export function setInBundle(source: string, channel: string, settings: Settings): string | undefined {
  const document = parseDocument(source);
  const entry = document.errors.length === 0 ? findChannel(document.contents, channel) : undefined;
  if (entry === undefined) return undefined;
  const config = pairOf(entry.map, "config");
  let splices: readonly (Splice | undefined)[];
  if (isMap(config?.value)) {
    const map = config.value;
    const known = Object.entries(settings).filter(([key]) => pairOf(map, key) !== undefined);
    const added = Object.entries(settings).filter(([key]) => pairOf(map, key) === undefined);
    splices = [...known.map(([key, value]) => replaced(pairOf(map, key), value)), ...insertion(source, map, added)];
  } else if (config === undefined) splices = insertion(source, entry.map, [["config", settings]]);
  else return undefined;
  return applied(source, { splices, path: [...entry.path, "config"], settings });
}

/** The lines that a person writes where the file isn't ours to edit. */
export function linesFor(channel: string, settings: Settings): string {
  return stringify({ providers: { [channel]: { config: settings } } }, { lineWidth: 0 }).trimEnd();
}

interface Found {
  readonly map: YAMLMap;
  readonly path: readonly string[];
}

/** Channels stand below `providers`, or below their domain there, which is then a part of their name. */
function findChannel(root: unknown, channel: string): Found | undefined {
  const providers = isMap(root) ? pairOf(root, "providers")?.value : undefined;
  if (!isMap(providers)) return undefined;
  for (const { key, value } of providers.items) {
    const name = nameOf(key);
    if (!isMap(value)) continue;
    if (name === channel) return { map: value, path: ["providers", name] };
    for (const below of value.items) {
      const own = nameOf(below.key);
      const isNamed = own === channel ? own.startsWith(`${name}-`) : `${name}-${own}` === channel;
      if (isMap(below.value) && isNamed) return { map: below.value, path: ["providers", name, own] };
    }
  }
  return undefined;
}

const nameOf = (key: unknown): string => (isScalar(key) ? String(key.value) : "");
const pairOf = (map: YAMLMap, key: string): Pair | undefined => map.items.find((item) => nameOf(item.key) === key);

function replaced(pair: Pair | undefined, value: string): Splice | undefined {
  if (!isScalar(pair?.value) || pair.value.range == null) return undefined;
  const [from, to] = pair.value.range;
  return { from, to, text: quoted(value) };
}

/** Adds pairs behind the last one of a map, in the map's own style. */
function insertion(
  source: string,
  map: YAMLMap,
  pairs: readonly (readonly [string, string | Settings])[],
): readonly (Splice | undefined)[] {
  if (pairs.length === 0) return [];
  const range = map.range;
  const first = map.items[0];
  if (range == null) return [undefined];
  const inFlow = pairs.map(([key, value]) => `${key}: ${flowOf(value)}`).join(", ");
  if (map.flow === true) {
    const last = map.items.at(-1);
    const end = (last?.value as { range?: readonly number[] } | null)?.range?.[1] ?? range[0] + 1;
    return [{ from: end, to: end, text: first === undefined ? ` ${inFlow} ` : `, ${inFlow}` }];
  }
  const key = first?.key as { readonly range?: readonly number[] } | undefined;
  const last = map.items.at(-1)?.value as { readonly range?: readonly number[] } | null | undefined;
  const at = key?.range?.[0];
  const end = last?.range?.[1];
  if (at === undefined || end === undefined) return [undefined];
  const indent = source.slice(source.lastIndexOf("\n", at - 1) + 1, at);
  if (/\S/.test(indent)) return [undefined];
  // Behind the last line that holds something of the map: a comment at its end stays there.
  const written = source.slice(0, end).trimEnd().length;
  const newline = source.indexOf("\n", written);
  const place = newline === -1 ? source.length : newline;
  const lines = pairs.map(([name, value]) => `\n${indent}${name}: ${flowOf(value)}`).join("");
  return [{ from: place, to: place, text: lines }];
}

function flowOf(value: string | Settings): string {
  if (typeof value === "string") return quoted(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${key}: ${quoted(one)}`)
    .join(", ")} }`;
}

/** Plain where YAML reads it as that text in any place, else in quotes. */
function quoted(value: string): string {
  return /^[A-Za-z][\w.-]*$/.test(value) && parse(value) === value ? value : JSON.stringify(value);
}

/** Applies splices and reads the result: it must be what was there and the settings, and nothing else. */
function applied(
  source: string,
  {
    splices,
    path,
    settings,
  }: { splices: readonly (Splice | undefined)[]; path: readonly string[]; settings: Settings },
): string | undefined {
  let text = source;
  const ordered = splices.toSorted((a, b) => (b?.from ?? 0) - (a?.from ?? 0));
  for (const splice of ordered) {
    if (splice === undefined) return undefined;
    text = text.slice(0, splice.from) + splice.text + text.slice(splice.to);
  }
  const expected = parseDocument(source);
  for (const [key, value] of Object.entries(settings)) expected.setIn([...path, key], value);
  const got = parseDocument(text);
  return got.errors.length === 0 && isDeepStrictEqual(got.toJS(), expected.toJS()) ? text : undefined;
}
