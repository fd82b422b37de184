import { createHash, randomFillSync } from "node:crypto";
import { isRetryable, ERROR_CODES, GreenticError, isGreenticError } from "../../types/index.ts";
import type { ErrorCode, JsonObject, JsonValue, OutcomeError } from "../../types/index.ts";
import { bindImport } from "../capabilities/bindings.ts";
import type { GuestCall } from "../capabilities/guest-call.ts";
import type { HostAnswer, HostRequest, LogLine } from "../capabilities/host-request.ts";
import { abiOf, familyOf } from "../families/families.ts";
import type { Family, FamilyAnswer } from "../families/family.ts";
import type { CallStats, ComponentDescription, ComponentInfo, ComponentResult } from "../host.ts";
import type { ComponentInstance, ImportRef, LinkedComponent, LinkerLimits } from "../linker/index.ts";
import { createWasi, DEFAULT_LIMITS, linkComponent, parseComponent, resolveWasi, Trap } from "../linker/index.ts";
import { CallLog } from "./call-log.ts";
import type { GuestRun } from "./messages.ts";

/** Where a guest's host calls go. */
export interface GuestPort {
  ask(request: HostRequest): Promise<HostAnswer>;
  log(line: LogLine): void;
  /** Ends the call at once. */
  readonly signal?: AbortSignal;
}

interface Prepared {
  readonly info: ComponentInfo;
  readonly linked: LinkedComponent;
  readonly family: Family | undefined;
}

const MAX_PREPARED = 64;
const MAX_PREPARED_BYTES = 256 << 20;
const MAX_HOST_CALLS = 1000;
const MAX_NOTED = 256;

/** Prepares components and runs calls in fresh instances; the same code in a component-host process and in this one. */
export class ComponentRuntime {
  readonly #limits: LinkerLimits;
  /** In order of last use. */
  readonly #prepared = new Map<string, Prepared>();
  #preparedBytes = 0;

  constructor(limits: Partial<LinkerLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /**
   * Parses, instruments and links a component; nothing of it runs. Imports are bound whatever the grants: those are the
   * parent's to judge, before and at every host call.
   * @throws COMPONENT_BINARY_INVALID, COMPONENT_LIMIT_EXCEEDED, COMPONENT_OPCODE_REFUSED, COMPONENT_ASYNC_UNSUPPORTED,
   * COMPONENT_IMPORT_UNGRANTED where the host has no such import
   */
  admit(bytes: Uint8Array): ComponentInfo {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const known = this.#touch(sha256);
    if (known !== undefined) return known.info;
    const plan = parseComponent(bytes, this.#limits);
    const imports = [...new Set(plan.imports.map(({ instance, name }) => instance ?? name))];
    const linked = linkComponent(plan, resolveImport);
    const info: ComponentInfo = {
      sha256,
      sizeBytes: bytes.byteLength,
      abi: abiOf(linked.exports),
      imports,
      exports: [...new Set(linked.exports.map((item) => item.interface ?? item.name))],
    };
    this.#prepared.set(sha256, { info, linked, family: familyOf(linked.exports) });
    this.#preparedBytes += info.sizeBytes;
    this.#evict();
    return info;
  }

  has(sha256: string): boolean {
    return this.#prepared.has(sha256);
  }

  /**
   * Calls an operation in a fresh instance. Whatever the guest does wrong is a result.
   * @throws COMPONENT_NOT_ADMITTED
   */
  async run(run: GuestRun, port: GuestPort): Promise<ComponentResult> {
    const prepared = this.#touch(run.sha256);
    if (prepared === undefined)
      throw new GreenticError("COMPONENT_NOT_ADMITTED", "Call component: its hash is unknown");
    const startedMs = performance.now();
    const call = new RunningCall(port, this.#limits.maxLogBytes);
    let instance: ComponentInstance | undefined;
    let answer: FamilyAnswer;
    try {
      const { family, info, linked } = prepared;
      if (family === undefined) {
        throw new GreenticError("COMPONENT_ABI_UNSUPPORTED", `Call component: it is of the family ${info.abi}`);
      }
      instance = linked.instantiate(call, {
        limits: this.#limits,
        deadlineAtMs: startedMs + run.timeoutMs,
        ...(port.signal === undefined ? {} : { signal: port.signal }),
      });
      answer =
        run.purpose === "describe"
          ? { kind: "ok", output: descriptionJson(await family.describe(instance)) }
          : await family.call(instance, run);
    } catch (error) {
      answer = { kind: "error", error: outcomeOf(error, run.timeoutMs) };
    } finally {
      call.wasi[Symbol.dispose]();
    }
    const stats: CallStats = {
      wallMs: performance.now() - startedMs,
      fuel: instance?.stats.fuel ?? 0,
      peakMemoryBytes: instance?.stats.peakMemoryBytes ?? 0,
      hostCalls: call.hostCalls,
      log: call.collected.text(),
    };
    return { ...answer, stats };
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
      this.#preparedBytes -= info.sizeBytes;
    }
  }
}

/** The state of one instance. */
class RunningCall implements GuestCall {
  readonly collected: CallLog;
  readonly hostCalls: string[] = [];
  readonly wasi;
  readonly #port: GuestPort;
  #count = 0;

  constructor(port: GuestPort, maxLogBytes: number) {
    this.#port = port;
    this.collected = new CallLog(maxLogBytes);
    this.wasi = createWasi({
      nowMs: Date.now,
      randomBytes: (count) => randomFillSync(new Uint8Array(count)),
      log: (_stream, bytes) => this.collected.write(bytes),
      maxLogBytes,
    });
  }

  note(name: string): void {
    if (++this.#count > MAX_HOST_CALLS) throw new Trap("host", `Run guest: more than ${MAX_HOST_CALLS} host calls`);
    if (this.hostCalls.length < MAX_NOTED) this.hostCalls.push(name);
  }

  ask(request: HostRequest): Promise<HostAnswer> {
    return this.#port.ask(request);
  }

  log(line: LogLine): void {
    if (!this.collected.isOpen) return;
    const message = this.collected.line(line.message);
    this.#port.log({ level: line.level, message });
  }
}

function resolveImport(ref: ImportRef) {
  return bindImport(ref) ?? resolveWasi(ref);
}

/** Turns whatever ended a call into what flows see. */
function outcomeOf(thrown: unknown, timeoutMs: number): OutcomeError {
  if (isGreenticError(thrown)) return outcome(thrown.code, thrown.message);
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
