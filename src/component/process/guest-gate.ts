import { answerRequest } from "../capabilities/answer-request.ts";
import type { HostAnswer, HostRequest, LogLine } from "../capabilities/host-request.ts";
import { hasEffect } from "../capabilities/host-request.ts";
import type { ComponentGrants } from "../grants.ts";
import type { HostServices } from "../host.ts";
import { maskValues } from "../../types/index.ts";
import type { JsonValue, TenantCtx } from "../../types/index.ts";

// The child counts too; this count holds when the child is no longer its own master.
const MAX_REQUESTS = 1024;
const MAX_LOG_LINES = 4096;

/** A component that takes part in a call, as its requests are judged. */
export interface GatePart {
  readonly component: string;
  readonly grants: ComponentGrants;
}

/**
 * Answers the host calls of one call; what the child says of tenant and grants has no bearing on it. Which part of the call asks is
 * its word, so a child that has been taken over reaches what the parts were granted together, and nothing else.
 */
export class GuestGate {
  readonly #ctx: TenantCtx;
  readonly #services: HostServices;
  readonly #parts: readonly GatePart[];
  readonly #input: JsonValue;
  #requests = 0;
  #lines = 0;
  #isClosed = false;
  /** Whether anything outside the call may have changed. */
  hadEffect = false;

  /** What the call was given, `input`, is kept out of the lines that it logs: people's own words are in it. */
  constructor(
    ctx: TenantCtx,
    services: HostServices,
    { parts, input = null }: { readonly parts: readonly GatePart[]; readonly input?: JsonValue },
  ) {
    this.#ctx = ctx;
    this.#services = services;
    this.#parts = parts;
    this.#input = input;
  }

  /** Answers a request; never throws. After {@link close} everything is denied. */
  async ask(request: HostRequest, part: number): Promise<HostAnswer> {
    // What came from a process may be no number, and a list has more names than its indices.
    const asker = Number.isInteger(part) ? this.#parts[part] : undefined;
    if (asker === undefined || this.#isClosed || ++this.#requests > MAX_REQUESTS) {
      return { kind: "fault", code: "denied", message: "the call makes no more requests" };
    }
    const { component, grants } = asker;
    if (hasEffect(request)) this.hadEffect = true;
    return await answerRequest(request, { ctx: this.#ctx, component, grants, services: this.#services });
  }

  log({ level, message }: LogLine): void {
    if (this.#isClosed || ++this.#lines > MAX_LOG_LINES) return;
    this.#services.log(this.#ctx, level, maskValues(message, this.#input));
  }

  /** Ends the call's reach. */
  close(): void {
    this.#isClosed = true;
  }
}
