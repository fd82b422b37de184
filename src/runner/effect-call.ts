import type { HostServices } from "../component/index.ts";
import type { TenantCtx } from "../types/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";

/** One attempt of an effectful node. */
export interface EffectCall {
  /** Carries the idempotency key, the attempt's number and its deadline. */
  readonly ctx: TenantCtx;
  /** Wall time that the attempt may take. */
  readonly timeoutMs: number;
  /** Aborts when the time is over or the turn is given up. */
  readonly signal: AbortSignal;
  /** What a component may reach through its host calls, of the running pack unless another is given; dead once the attempt is over. */
  servicesFor(component: string, pack?: LoadedPack): HostServices;
  /** Tells observers how far a long call of a tool is. */
  noteProgress(target: string, progress: { readonly progress: number; readonly total?: number }): void;
}
