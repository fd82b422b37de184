import { createHash } from "node:crypto";
import { isRetryable, ERROR_CODES, GreenticError, isGreenticError } from "../../types/index.ts";
import type { ErrorCode, JsonObject, JsonValue, OutcomeError } from "../../types/index.ts";
import { familyOf } from "../families/families.ts";
import type { ComponentFamilies } from "../families/families.ts";
import type { FamilyAnswer } from "../families/family.ts";
import type { CallStats, ComponentDescription, ComponentInfo, ComponentResult } from "../host.ts";
import type { ComponentPlan, LinkedComponent, LinkerLimits } from "../linker/index.ts";
import { DEFAULT_LIMITS, Trap } from "../linker/index.ts";
import { Composition } from "./composition.ts";
import type { GuestRun } from "./messages.ts";
import { linkPlan, readComponent } from "./read-component.ts";
import type { GuestPort } from "./running-call.ts";
import { CallRecord } from "./running-call.ts";
import type { WarmLimits } from "./warm-instances.ts";
import { WarmInstances } from "./warm-instances.ts";

interface Prepared {
  readonly info: ComponentInfo;
  readonly linked: LinkedComponent;
  readonly family: ComponentFamilies | undefined;
}

const MAX_PREPARED = 64;
const MAX_PREPARED_BYTES = 256 << 20;

/** Prepares components and runs calls in fresh instances; the same code in a component-host process and in this one. */
export class ComponentRuntime {
  readonly #limits: LinkerLimits;
  /** In order of last use. */
  readonly #prepared = new Map<string, Prepared>();
  readonly #warm: WarmInstances;
  #preparedBytes = 0;

  constructor(limits: Partial<LinkerLimits> = {}, warm?: WarmLimits) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#warm = new WarmInstances(warm);
  }

  /** Reads a component and keeps it ready. @throws as `readComponent` */
  admit(bytes: Uint8Array): ComponentInfo {
    const known = this.#touch(createHash("sha256").update(bytes).digest("hex"));
    if (known !== undefined) return known.info;
    const { info, linked } = readComponent(bytes, this.#limits);
    this.#keep(info, linked);
    return info;
  }

  /** Keeps a component ready that was read elsewhere. */
  prepare(info: ComponentInfo, plan: ComponentPlan): void {
    if (this.#touch(info.sha256) === undefined) this.#keep(info, linkPlan(plan));
  }

  has(sha256: string): boolean {
    return this.#prepared.has(sha256);
  }

  /**
   * Calls an operation in a fresh instance, or where the run has a key in one that served that key before. Whatever the guest does wrong is a result.
   * @throws COMPONENT_NOT_ADMITTED
   */
  async run(run: GuestRun, port: GuestPort): Promise<ComponentResult> {
    const prepared = run.parts.map(({ sha256 }) => this.#touch(sha256)).filter((part) => part !== undefined);
    const [called] = prepared;
    if (called === undefined || prepared.length < run.parts.length) {
      throw new GreenticError("COMPONENT_NOT_ADMITTED", "Call component: its hash is unknown");
    }
    const record = new CallRecord({ timeoutMs: run.timeoutMs, maxLogBytes: this.#limits.maxLogBytes });
    const key = run.purpose === "call" ? run.warmKey : undefined;
    const warm = key === undefined ? undefined : this.#warm.take(key);
    warm?.begin({ record, port });
    const components = prepared.map(({ linked }) => linked);
    const composition = warm ?? new Composition(components, { run, record, port, limits: this.#limits });
    let isSound = true;
    let answer: FamilyAnswer;
    try {
      const { family, info } = called;
      if (family === undefined) {
        throw new GreenticError("COMPONENT_ABI_UNSUPPORTED", `Call component: it is of the family ${info.abi}`);
      }
      answer =
        run.purpose === "describe"
          ? { kind: "ok", output: descriptionJson(await family.describe(composition.instance(0))) }
          : await callGuest(family, { run, record, composition });
    } catch (error) {
      isSound = false;
      answer = { kind: "error", error: outcomeOf(error, run.timeoutMs) };
    }
    const stats: CallStats = {
      wallMs: performance.now() - record.startedMs,
      ...composition.stats,
      hostCalls: record.hostCalls,
      log: record.collected.text(),
    };
    // Arguments and streams of a command are its instance's own, so that it serves once.
    if (key !== undefined && isSound && record.world === undefined) this.#warm.put(key, composition);
    else composition[Symbol.dispose]();
    return { ...answer, stats };
  }

  #keep(info: ComponentInfo, linked: LinkedComponent): void {
    this.#prepared.set(info.sha256, { info, linked, family: familyOf(linked.exports) });
    this.#preparedBytes += info.sizeBytes;
    this.#evict();
  }

  #touch(sha256: string): Prepared | undefined {
    const found = this.#prepared.get(sha256);
    if (found === undefined) return undefined;
    this.#prepared.delete(sha256);
    this.#prepared.set(sha256, found);
    return found;
  }

  #evict(): void {
    for (const [sha256, { info }] of this.#prepared) {
      const fits = this.#prepared.size <= MAX_PREPARED && this.#preparedBytes <= MAX_PREPARED_BYTES;
      if (fits || this.#prepared.size === 1) return;
      this.#prepared.delete(sha256);
      this.#warm.forget(sha256);
      this.#preparedBytes -= info.sizeBytes;
    }
  }
}

/** A guest's world is made with its instance, so it is asked for first. */
async function callGuest(
  family: ComponentFamilies,
  within: { readonly run: GuestRun; readonly record: CallRecord; readonly composition: Composition },
): Promise<FamilyAnswer> {
  const { run, record, composition } = within;
  record.world = family.world(run);
  return await family.call(composition.instance(0), { ...run, stdout: () => record.stdout() });
}

/** Turns whatever ended a call into what flows see. */
function outcomeOf(thrown: unknown, timeoutMs: number): OutcomeError {
  if (isGreenticError(thrown)) return outcome(thrown.code, thrown.message);
  // A host function can say what it refuses a guest; whatever else it throws stays inside.
  if (thrown instanceof Trap && isGreenticError(thrown.cause)) return outcome(thrown.cause.code, thrown.cause.message);
  if (!(thrown instanceof Trap)) {
    return outcome("COMPONENT_INPUT_INVALID", "Call component: the input doesn't fit its interface");
  }
  switch (thrown.reason) {
    case "deadline":
    case "aborted":
      return outcome("COMPONENT_DEADLINE_EXCEEDED", `Call component: stopped after ${Math.round(timeoutMs)} ms`);
    default:
      return {
        ...outcome("COMPONENT_TRAPPED", `Call component: it broke off: ${thrown.reason}`),
        details: { reason: thrown.reason },
      };
  }
}

function outcome(code: ErrorCode, message: string): OutcomeError {
  return { code, message, retryable: isRetryable(ERROR_CODES[code].kind) };
}

/** A description is JSON but for its interface, which has no index. */
function descriptionJson(description: ComponentDescription): JsonValue {
  return { ...description } as unknown as JsonObject;
}
