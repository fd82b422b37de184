import { createHash } from "node:crypto";
import type { OutcomeError, TenantCtx } from "../../types/index.ts";
import { ERROR_CODES, isRetryable } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import type { CallStats, ComponentCall, ComponentResult } from "../host.ts";
import type { GatePart } from "./guest-gate.ts";
import { GuestGate } from "./guest-gate.ts";
import type { GuestPart, GuestRun } from "./messages.ts";

interface ComponentPart extends GatePart {
  readonly sha256: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** One call under way in the parent: its time, its gate and who waits for it. */
export class Invocation {
  readonly call: ComponentCall;
  readonly ctx: TenantCtx;
  readonly purpose: GuestRun["purpose"];
  readonly timeoutMs: number;
  /** On the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  readonly result: Promise<ComponentResult>;
  /** Stands for all that calls must have in common to be served by one instance; undefined where each has its own. */
  readonly warmKey: string | undefined;
  /** How often its process ended and it may have been why. */
  suspicions = 0;
  gate: GuestGate;
  /** The called component first, then those that it is linked to, each once. */
  readonly #parts: readonly [ComponentPart, ...ComponentPart[]];
  readonly #links: ReadonlyMap<string, number>;
  readonly #settle: (result: ComponentResult) => void;
  readonly #startedMs = performance.now();

  constructor(ctx: TenantCtx, call: ComponentCall, purpose: GuestRun["purpose"] = "call") {
    const { promise, resolve } = Promise.withResolvers<ComponentResult>();
    this.call = call;
    this.ctx = ctx;
    this.purpose = purpose;
    const left = ctx.deadlineMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, ctx.deadlineMs - Date.now());
    this.timeoutMs = Math.min(call.timeoutMs ?? DEFAULT_TIMEOUT_MS, left);
    this.deadlineAtMs = this.#startedMs + this.timeoutMs;
    this.result = promise;
    const { parts, links } = partsOf(call);
    this.#parts = parts;
    this.#links = links;
    this.warmKey = call.reuse === "tenant" ? warmKey(ctx, call, parts) : undefined;
    this.gate = this.#openGate();
    this.#settle = resolve;
  }

  /** Hashes of every component that the call may run. */
  get components(): readonly string[] {
    return this.#parts.map(({ sha256 }) => sha256);
  }

  /** What is left of the call's time. */
  get leftMs(): number {
    return this.deadlineAtMs - performance.now();
  }

  /** Starts an attempt with a gate of its own and gives what the child is told. */
  begin(): GuestRun {
    this.gate.close();
    this.gate = this.#openGate();
    const { component, operation, input, config, services } = this.call;
    const toGuest = ({ sha256, grants }: ComponentPart): GuestPart => ({
      sha256,
      hasAssets: grants.assets && services.assetList !== undefined,
    });
    const [called, ...linked] = this.#parts;
    return {
      parts: [toGuest(called), ...linked.map(toGuest)],
      links: this.#links,
      warmKey: this.warmKey,
      purpose: this.purpose,
      ctx: this.ctx,
      component,
      operation,
      input,
      config,
      timeoutMs: Math.max(1, this.leftMs),
    };
  }

  finish(result: ComponentResult): void {
    this.gate.close();
    this.#settle(result);
  }

  /** Ends the call with an error of the host's. */
  fail(code: ErrorCode, message: string): void {
    const error: OutcomeError = { code, message, retryable: isRetryable(ERROR_CODES[code].kind) };
    const wallMs = performance.now() - this.#startedMs;
    const stats: CallStats = { wallMs, fuel: 0, peakMemoryBytes: 0, hostCalls: [], log: "" };
    this.finish({ kind: "error", error, stats });
  }

  #openGate(): GuestGate {
    return new GuestGate(this.ctx, this.call.services, { parts: this.#parts, input: this.call.input });
  }
}

function warmKey({ env, tenant }: TenantCtx, { pack, links }: ComponentCall, parts: readonly ComponentPart[]): string {
  const served = links?.map((link) => [link.interface, link.component]);
  const key = JSON.stringify([
    env,
    tenant,
    pack,
    served,
    parts.map((part) => [part.sha256, part.component, part.grants]),
  ]);
  return createHash("sha256").update(key).digest("base64url");
}

/** One part for each component, however many interfaces it serves: its instance is shared by them. */
function partsOf({ sha256, component, grants, links = [] }: ComponentCall): {
  readonly parts: readonly [ComponentPart, ...ComponentPart[]];
  readonly links: ReadonlyMap<string, number>;
} {
  const parts: [ComponentPart, ...ComponentPart[]] = [{ sha256, component, grants }];
  const byInterface = new Map<string, number>();
  for (const link of links) {
    const known = parts.findIndex((part, index) => index > 0 && part.component === link.component);
    byInterface.set(link.interface, known > 0 ? known : parts.push(link) - 1);
  }
  return { parts, links: byInterface };
}
