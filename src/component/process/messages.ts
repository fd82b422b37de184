import type { JsonValue, TenantCtx } from "../../types/index.ts";
import type { HostAnswer, HostRequest, LogLine } from "../capabilities/host-request.ts";
import type { ComponentInfo, ComponentResult } from "../host.ts";

/** A component that takes part in a call. */
export interface GuestPart {
  readonly sha256: string;
  /** Whether it finds the pack's assets under `/assets`; what it reads of them the parent judges again. */
  readonly hasAssets: boolean;
}

/** One call as it goes to where the guest runs; no secrets, stores or grants are in it. */
export interface GuestRun {
  /** The called component first, then those that it is linked to. */
  readonly parts: readonly [GuestPart, ...GuestPart[]];
  /** Interface → the part that serves it. */
  readonly links: ReadonlyMap<string, number>;
  /** What an instance must have served before to serve this call; undefined asks for a fresh one. */
  readonly warmKey: string | undefined;
  /** Whether the guest is to work or to say what it is. */
  readonly purpose: "call" | "describe";
  readonly ctx: TenantCtx;
  /** The called component's name in its pack. */
  readonly component: string;
  readonly operation: string;
  readonly input: JsonValue;
  readonly config: JsonValue | undefined;
  /** What is left of the call's time. */
  readonly timeoutMs: number;
}

/** From the parent to a component-host process. */
export type ToChild =
  /** Asks what a component is; a process that reads one runs none. */
  | { readonly kind: "admit"; readonly id: number; readonly bytes: Uint8Array }
  /** Hands an admitted component over; the plan as `v8.serialize` wrote it. */
  | { readonly kind: "prepare"; readonly info: ComponentInfo; readonly plan: Uint8Array }
  | { readonly kind: "run"; readonly id: number; readonly run: GuestRun }
  | { readonly kind: "answer"; readonly id: number; readonly ask: number; readonly answer: HostAnswer }
  | { readonly kind: "ping"; readonly id: number };

/** A refusal as it crosses the process: our own error's public parts. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined;
}

/** From a component-host process to its parent. */
export type ToParent =
  | { readonly kind: "ready" }
  | { readonly kind: "admitted"; readonly id: number; readonly info: ComponentInfo; readonly plan: Uint8Array }
  | { readonly kind: "refused"; readonly id: number; readonly error: WireError }
  | { readonly kind: "missing"; readonly id: number }
  | { readonly kind: "result"; readonly id: number; readonly result: ComponentResult }
  | {
      readonly kind: "ask";
      readonly id: number;
      readonly ask: number;
      /** Which part of the call asks. */
      readonly part: number;
      readonly request: HostRequest;
    }
  | { readonly kind: "log"; readonly id: number; readonly line: LogLine }
  | { readonly kind: "pong"; readonly id: number };
