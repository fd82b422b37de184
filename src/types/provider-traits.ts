/**
 * What a provider pack says of its platform: the table `[provider]` of pack.toml, the same map in manifest.cbor.
 *   ingress, egress, operator = component names · provider_type = text · verify = "component" | "host" · sink = "A" | "B" | "C" ·
 *   dedupe = "message-id" | "delivery" · dedupe_ttl_seconds · max_body_bytes · max_text_units · shows = "cards" | "text" ·
 *   destination = a kind of address · pace, conversation_pace = { per_minute, burst }
 */
import { quote } from "./ids.ts";
import { isJsonObject } from "./json.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/** The parts of a provider: who receives from the platform, who sends to it, who sets it up. */
export const PROVIDER_ROLES = ["ingress", "egress", "operator"] as const;

/** One part of a provider. */
export type ProviderRole = (typeof PROVIDER_ROLES)[number];

/** A pace that a platform allows: at most `burst` at once, and `perMinute` in the long run. */
export interface ProviderPace {
  readonly perMinute: number;
  readonly burst: number;
}

/** What a provider pack says of its platform, with defaults in place. */
export interface ProviderTraits {
  /** Component names by part; a part that isn't named is found by its component's name or operations. */
  readonly components: Readonly<Partial<Record<ProviderRole, string>>>;
  /** How its operations know the platform: `messaging.telegram.bot`; undefined where the pack's name says enough. */
  readonly providerType: string | undefined;
  /** Who makes sure that a request is the platform's: the pack's own ingress, or the host by the channel's rule. */
  readonly verify: "component" | "host";
  /** A: repeating a send under its key does nothing; B: egress has `read_back`; C: neither. */
  readonly sink: "A" | "B" | "C";
  /** What a delivery is known by when it comes again: the ids of its messages, or its bytes. */
  readonly dedupe: "message-id" | "delivery";
  readonly dedupeTtlSeconds: number;
  readonly maxBodyBytes: number;
  /** The longest text of one message in UTF-16 units; longer ones are split. */
  readonly maxTextUnits: number | undefined;
  /** Whether egress gets cards as they are, or texts with numbered choices. */
  readonly shows: "cards" | "text";
  /** What a conversation's id is to the platform. */
  readonly destination: "chat" | "user" | "phone" | "room" | "channel" | "email";
  /** Of the whole channel. */
  readonly pace: ProviderPace | undefined;
  readonly conversationPace: ProviderPace | undefined;
}

const DAY_SECONDS = 86_400;

/** What a provider pack that says nothing has: one that nothing is known about. */
export const DEFAULT_PROVIDER_TRAITS: ProviderTraits = {
  components: {},
  providerType: undefined,
  verify: "host",
  sink: "C",
  dedupe: "message-id",
  dedupeTtlSeconds: 2 * DAY_SECONDS,
  maxBodyBytes: 1 << 20,
  maxTextUnits: undefined,
  shows: "cards",
  destination: "chat",
  pace: undefined,
  conversationPace: undefined,
};

/** A mistake in a provider's table. */
export interface TraitsProblem {
  /** Keys below the table. */
  readonly path: readonly string[];
  /** What was expected, and what was there. */
  readonly state: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const WHOLE: Readonly<Record<string, readonly [min: number, max: number]>> = {
  dedupe_ttl_seconds: [1, 31 * DAY_SECONDS],
  max_body_bytes: [1_024, 8 << 20],
  max_text_units: [64, 1 << 20],
};
const WORDS: Readonly<Record<string, readonly string[]>> = {
  verify: ["component", "host"],
  sink: ["A", "B", "C"],
  dedupe: ["message-id", "delivery"],
  shows: ["cards", "text"],
  destination: ["chat", "user", "phone", "room", "channel", "email"],
};
const PACES = ["pace", "conversation_pace"] as const;
const PACE_KEYS: Readonly<Record<string, readonly [number, number]>> = {
  per_minute: [1, 600_000],
  burst: [1, 10_000],
};

/** Every key that the table may have. */
export const PROVIDER_KEYS: readonly string[] = [
  ...PROVIDER_ROLES,
  "provider_type",
  ...Object.keys(WORDS),
  ...Object.keys(WHOLE),
  ...PACES,
];

/** Finds the first mistake in a provider's table; `components` are the names that the pack has. */
export function findTraitsProblem(table: JsonObject, components: ReadonlySet<string>): TraitsProblem | undefined {
  for (const [key, value] of Object.entries(table)) {
    const state = (PACES as readonly string[]).includes(key)
      ? paceProblem(value)
      : { path: [], state: keyProblem(key, value, components) };
    if (state?.state !== undefined) return { path: [key, ...state.path], state: state.state };
  }
  return undefined;
}

function keyProblem(key: string, value: JsonValue, components: ReadonlySet<string>): string | undefined {
  if ((PROVIDER_ROLES as readonly string[]).includes(key)) {
    if (typeof value === "string" && components.has(value)) return undefined;
    return `expected one of the pack's components, got ${said(value)}`;
  }
  if (key === "provider_type")
    return typeof value === "string" && NAME.test(value)
      ? undefined
      : `expected letters, digits, ., _ and -, got ${said(value)}`;
  const words = WORDS[key];
  if (words !== undefined)
    return typeof value === "string" && words.includes(value)
      ? undefined
      : `expected one of ${words.join(", ")}, got ${said(value)}`;
  const range = WHOLE[key];
  if (range !== undefined) return rangeProblem(value, range);
  return `unknown key; expected one of ${PROVIDER_KEYS.join(", ")}`;
}

function paceProblem(value: JsonValue): TraitsProblem | undefined {
  if (!isJsonObject(value)) return { path: [], state: `expected { per_minute, burst }, got ${said(value)}` };
  for (const [key, range] of Object.entries(PACE_KEYS)) {
    const state = rangeProblem(value[key] ?? null, range);
    if (state !== undefined) return { path: [key], state };
  }
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(PACE_KEYS, key));
  return unknown === undefined ? undefined : { path: [unknown], state: "unknown key; expected per_minute and burst" };
}

function rangeProblem(value: JsonValue, [min, max]: readonly [number, number]): string | undefined {
  const isGood = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
  return isGood ? undefined : `expected a whole number from ${min} to ${max}, got ${said(value)}`;
}

function said(value: JsonValue): string {
  return typeof value === "string" ? quote(value) : typeof value === "number" ? String(value) : typeof value;
}

/** Reads a provider's table that {@link findTraitsProblem} finds nothing wrong with. */
export function readTraits(table: JsonObject): ProviderTraits {
  const { pace, conversation_pace: conversationPace, ...rest } = table;
  const named = PROVIDER_ROLES.flatMap((role) => (typeof rest[role] === "string" ? [[role, rest[role]] as const] : []));
  const known = {
    providerType: rest["provider_type"],
    verify: rest["verify"],
    sink: rest["sink"],
    dedupe: rest["dedupe"],
    dedupeTtlSeconds: rest["dedupe_ttl_seconds"],
    maxBodyBytes: rest["max_body_bytes"],
    maxTextUnits: rest["max_text_units"],
    shows: rest["shows"],
    destination: rest["destination"],
    pace: readPace(pace),
    conversationPace: readPace(conversationPace),
  };
  const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
  return { ...DEFAULT_PROVIDER_TRAITS, ...(given as Partial<ProviderTraits>), components: Object.fromEntries(named) };
}

function readPace(value: JsonValue | undefined): ProviderPace | undefined {
  if (value === undefined || !isJsonObject(value)) return undefined;
  return { perMinute: value["per_minute"] as number, burst: value["burst"] as number };
}
