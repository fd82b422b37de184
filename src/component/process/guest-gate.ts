import { answerRequest } from "../capabilities/answer-request.ts";
import type { HostAnswer, HostRequest, LogLine } from "../capabilities/host-request.ts";
import { hasEffect } from "../capabilities/host-request.ts";
import type { ComponentCall } from "../host.ts";
import type { TenantCtx } from "../../types/index.ts";

// The child counts too; this count holds when the child is no longer its own master.
const MAX_REQUESTS = 1024;
const MAX_LOG_LINES = 4096;

/** Answers the host calls of one call; what the child says of tenant and grants has no bearing on it. */
export class GuestGate {
  readonly #ctx: TenantCtx;
  readonly #call: ComponentCall;
  #requests = 0;
  #lines = 0;
  #isClosed = false;
  /** Whether anything outside the call may have changed. */
  hadEffect = false;

  constructor(ctx: TenantCtx, call: ComponentCall) {
    this.#ctx = ctx;
    this.#call = call;
  }

  /** Answers a request; never throws. After {@link close} everything is denied. */
  async ask(request: HostRequest): Promise<HostAnswer> {
    if (this.#isClosed || ++this.#requests > MAX_REQUESTS) {
      return { kind: "fault", code: "denied", message: "the call makes no more requests" };
    }
    const { component, grants, services } = this.#call;
    if (hasEffect(request)) this.hadEffect = true;
    return await answerRequest(request, { ctx: this.#ctx, component, grants, services });
  }

  log({ level, message }: LogLine): void {
    if (this.#isClosed || ++this.#lines > MAX_LOG_LINES) return;
    this.#call.services.log(this.#ctx, level, message);
  }

  /** Ends the call's reach. */
  close(): void {
    this.#isClosed = true;
  }
}
