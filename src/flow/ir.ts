import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import type { Offer } from "./offer.ts";

/** A flow as every spelling of it is read: the graph, its values still raw, each part with its place in the file. */
export interface FlowIr {
  readonly id: string;
  /** Kind of work, as written: messaging, webhook, timer, websocket, pubsub, job, component-config, or any other name. */
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  /** The node that the flow starts at; undefined only where the flow has no nodes (public packs ship such flows). */
  readonly start: string | undefined;
  /** Names like `default` and `command:/weather` → node id; `default` is always there unless the flow is empty. */
  readonly entrypoints: ReadonlyMap<string, string>;
  readonly parameters: JsonObject;
  /** What a command or another flow's card does to a flow that waits. */
  readonly interrupt: Interrupt;
  /** What the person gets when a node fails without an error route; may hold templates. */
  readonly onFailure?: string;
  /** When the flow starts by itself; of flows of type `timer`. */
  readonly schedules?: readonly ScheduleIr[];
  /** What programs of others can call the flow as; absent: nothing. */
  readonly offer?: Offer;
  /** In file order. */
  readonly nodes: ReadonlyMap<string, NodeIr>;
  readonly slotSchema: readonly JsonValue[];
  readonly schemaVersion: 1 | 2;
  readonly file: string;
  readonly meta: JsonObject;
  readonly at: SourcePosition;
  /**
   * JSON pointer → place in the file, for every value. Pointers are those of the canonical spelling: `/start`,
   * `/entrypoints/<name>`, `/nodes/<id>/input/…`, `/nodes/<id>/routing/0/condition`. Empty for flows that were not read from text.
   */
  readonly positions: ReadonlyMap<string, SourcePosition>;
}

/** Restart the flow at the new entry, ignore what arrived, or answer beside the wait and go on waiting. */
export type Interrupt = "restart" | "ignore" | "keep";

/** One step of a flow. */
export interface NodeIr {
  readonly id: string;
  /** The operation key: `qa`, `component.exec`, `emit.response`, or `<component>.<operation>`. */
  readonly kind: string;
  /** The sibling `operation` of public flows. */
  readonly operation?: string;
  /** What the kind takes, templates unrendered. */
  readonly input: JsonValue;
  readonly routing: RoutingIr;
  readonly retry?: RetryIr;
  /** What undoes the node where something later fails. */
  readonly compensate?: CompensateIr;
  readonly timeoutMs?: number;
  /** Mappings of public flows, as written. */
  readonly inMap?: JsonValue;
  readonly output?: JsonValue;
  readonly outMap?: JsonValue;
  readonly errMap?: JsonValue;
  readonly telemetry?: JsonObject;
  /** Reserved siblings that are carried and never executed: `when`, `annotations`, `meta`, `pack_alias`, `timeout`. */
  readonly extra: JsonObject;
  readonly at: SourcePosition;
}

/** How often a failed node runs and how long it waits before the second attempt; the wait grows from there. */
export interface RetryIr {
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  /** By what the wait grows with every attempt; 2 where absent. */
  readonly factor?: number;
  /** Where the wait stops growing; {@link DEFAULT_MAX_DELAY_MS} where absent. What a peer asks for may be longer. */
  readonly maxDelayMs?: number;
  /** The part of the wait that chance adds or takes, 0 to 1; 0.25 where absent. */
  readonly jitter?: number;
}

/** Where a retry's wait stops growing unless the node says so. */
export const DEFAULT_MAX_DELAY_MS = 60_000;

/** What undoes a node: a node of the same flow, where a chain starts, or another flow. */
export interface CompensateIr {
  readonly node?: string;
  readonly flow?: string;
  /** What the flow gets as `in`, templates unrendered; the undone node's output where absent. */
  readonly input?: JsonValue;
}

/** When a flow starts by itself. */
export interface ScheduleIr {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** IANA zone; UTC where absent. */
  readonly zone?: string;
  /** The entrypoint or node that it starts at; the flow's start where absent. */
  readonly entry?: string;
  /** What becomes of firings that no worker was there for; `last` where absent. */
  readonly catchUp?: CatchUp;
  readonly at: SourcePosition;
}

/** Forget missed firings, run the last of them, or all of them up to a bound. */
export type CatchUp = "none" | "last" | "all";

/** Routes in order; the first whose guards hold wins. None at all means that the flow ends here. */
export type RoutingIr = readonly RouteIr[];

/** One way out of a node; every guard that is present must hold. */
export interface RouteIr {
  readonly target: RouteTarget;
  /** Equals the outcome's status, ignoring case. */
  readonly status?: string;
  /** An event: `error`, `timeout`, `cancel`, …, or a status. */
  readonly on?: string;
  /** Public grammar, `path OP literal`. */
  readonly condition?: string;
  /** CEL. */
  readonly if?: string;
  readonly at: SourcePosition;
}

/** Where a route leads: to a node, out of the flow, or out with the last output as the reply. */
export type RouteTarget =
  | { readonly kind: "node"; readonly node: string }
  | { readonly kind: "end" }
  | { readonly kind: "reply" };

/** Tells whether a route has no guard, so that it is always taken when it is reached. */
export function isUnguarded(route: RouteIr): boolean {
  return (
    route.status === undefined && route.on === undefined && route.condition === undefined && route.if === undefined
  );
}
