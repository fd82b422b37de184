import type { OpaConfig } from "../config/index.ts";
import type { World } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { PolicyDecision } from "./decision.ts";
import { ALLOWED } from "./decision.ts";
import type { PolicyBackend } from "./engine.ts";
import type { Facts } from "./facts.ts";
import { createOpaRest } from "./opa-rest.ts";
import { openOpaWasm } from "./opa-wasm.ts";

/** What OPA says of an input; undefined where its policy has nothing to say. */
export type AskOpa = (input: JsonValue, signal: AbortSignal) => Promise<JsonValue | undefined>;

const CACHED_MAX = 1_000;
const RULE = /^[\w.:-]{1,64}$/;

/** Opens the configured OPA. @throws POLICY_BUNDLE_INVALID, and what loading the library throws */
export async function openOpa(config: OpaConfig, world: World): Promise<PolicyBackend> {
  const { source } = config;
  const ask = source.kind === "rest" ? createOpaRest(source) : await openOpaWasm(source);
  return new Opa(ask, config, world);
}

/**
 * Asks an OPA with a time limit and keeps what it said for a short while, by question. What can't be asked is denied, by the rule
 * `opa: unavailable`, unless the operator wants it allowed; that is never kept.
 */
class Opa implements PolicyBackend {
  readonly at: OpaConfig["at"];
  readonly #ask: AskOpa;
  readonly #config: Pick<OpaConfig, "timeoutMs" | "cacheSeconds" | "onError">;
  readonly #world: World;
  /** In the order in which they were asked. */
  readonly #kept = new Map<string, { readonly said: Promise<PolicyDecision>; readonly untilMs: number }>();

  constructor(ask: AskOpa, config: Pick<OpaConfig, "at" | "timeoutMs" | "cacheSeconds" | "onError">, world: World) {
    this.at = config.at;
    this.#ask = ask;
    this.#config = config;
    this.#world = world;
  }

  decide(facts: Facts): Promise<PolicyDecision> {
    const input = inputOf(facts);
    const key = JSON.stringify(input);
    const nowMs = this.#world.monotonicMs();
    const known = this.#kept.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.said;
    const said = this.#askInTime(input).catch(() => {
      this.#kept.delete(key);
      return this.#config.onError === "allow"
        ? ALLOWED
        : ({ kind: "deny", rule: "opa: unavailable", message: "OPA could not be asked" } as const);
    });
    if (this.#config.cacheSeconds > 0) this.#keep(key, { said, untilMs: nowMs + this.#config.cacheSeconds * 1_000 });
    return said;
  }

  async #askInTime(input: JsonValue): Promise<PolicyDecision> {
    const { timeoutMs } = this.#config;
    const abort = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#world.schedule(timeoutMs, () => {
      reject(new Error("late"));
      abort.abort();
    });
    try {
      return readDecision(await Promise.race([this.#ask(input, abort.signal), late]));
    } finally {
      cancel();
    }
  }

  #keep(key: string, entry: { readonly said: Promise<PolicyDecision>; readonly untilMs: number }): void {
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (this.#kept.size <= CACHED_MAX) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** The facts as JSON; what isn't known isn't there, as Rego expects it. */
function inputOf({ port, labels, ...texts }: Facts): JsonValue {
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== "")),
    ...(port > 0n && { port: Number(port) }),
    labels,
  };
}

/** Reads `true`, `false`, or `{ allow, rule, message }`; whatever else it is denies. */
function readDecision(result: JsonValue | undefined): PolicyDecision {
  if (result === undefined)
    return { kind: "deny", rule: "opa: undefined", message: "OPA's policy decides nothing here" };
  const { allow = result, rule, message } = isJsonObject(result) ? result : {};
  const name = typeof rule === "string" && RULE.test(rule) ? `opa: ${rule}` : "opa";
  if (allow === true) return { kind: "allow", rule: name };
  const isRead = allow === false && typeof message === "string" && message !== "";
  return { kind: "deny", rule: name, message: isRead ? message.slice(0, 200) : "OPA's policy denies it" };
}
