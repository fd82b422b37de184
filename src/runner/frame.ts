import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import { print } from "./kinds/kind.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";

/** One running flow of a session; a called flow's frame lies on its caller's. */
export interface Frame {
  /** `aside` answers beside a wait: when it ends, the frame below goes on waiting. */
  readonly kind: "root" | "call" | "aside";
  readonly flow: LoadedFlow;
  node: string;
  /** Outputs by node id; without a prototype, since ids may be anything. */
  readonly nodes: Record<string, JsonValue>;
  prev: JsonValue;
  vars: JsonObject;
  /** What the flow sees as `in` where that isn't the message. */
  entry: JsonValue | undefined;
  wait: FrameWait | undefined;
}

/** Why a frame waits and what it needs to go on. */
interface FrameWait {
  readonly reason: string;
  /** What the node kept. */
  readonly kept: JsonValue;
  readonly expiresAtMs: number | undefined;
  /** `node`: the kind gets the message. `routes`: the node is done, its guards wait for one that holds; `rerun`: it runs again. */
  readonly resume: "node" | "routes" | "rerun";
  /** The outcome's status, for `routes`. */
  readonly status: string;
}

const NO_VARS: JsonObject = Object.freeze({});

/** Starts a flow at a node. */
export function openFrame(
  flow: LoadedFlow,
  at: { readonly kind: Frame["kind"]; readonly node: string; readonly entry?: JsonValue | undefined },
): Frame {
  return {
    kind: at.kind,
    flow,
    node: at.node,
    nodes: Object.create(null) as Record<string, JsonValue>,
    prev: null,
    vars: NO_VARS,
    entry: at.entry,
    wait: undefined,
  };
}

/** Writes frames as the session's snapshot keeps them: of each frame only what its flow can still read. */
export function encodeFrames(frames: readonly Frame[]): JsonValue {
  return frames.map((frame) => {
    const retained = frame.flow.retainedAt(frame.node);
    const { wait } = frame;
    const isDone = wait?.resume === "routes";
    const keepsPrev = (wait?.resume === "rerun" && retained.prev) || isDone;
    const nodes: Record<string, JsonValue> = {};
    let count = 0;
    for (const id in frame.nodes) {
      if (!retained.nodes.has(id)) continue;
      nodes[id] = frame.nodes[id] as JsonValue;
      count++;
    }
    return {
      flow: frame.flow.id,
      node: frame.node,
      ...(frame.kind === "root" ? {} : { kind: frame.kind }),
      ...(count === 0 ? {} : { nodes }),
      ...(keepsPrev ? { prev: frame.prev } : {}),
      ...(Object.keys(frame.vars).length === 0 ? {} : { vars: frame.vars }),
      ...(wait === undefined ? {} : { wait: encodeWait(wait) }),
    };
  });
}

function encodeWait(wait: FrameWait): JsonObject {
  return {
    reason: wait.reason,
    resume: wait.resume,
    ...(wait.kept === null ? {} : { kept: wait.kept }),
    ...(wait.expiresAtMs === undefined ? {} : { expires: wait.expiresAtMs }),
    ...(wait.resume === "node" ? {} : { status: wait.status }),
  };
}

/** Reads frames back; undefined where the pack has no such flow or node any more. */
export function decodeFrames(value: JsonValue | undefined, pack: LoadedPack): Frame[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const frames: Frame[] = [];
  for (const item of value as readonly JsonValue[]) {
    const frame = isJsonObject(item) ? decodeFrame(item, pack) : undefined;
    if (frame === undefined) return undefined;
    frames.push(frame);
  }
  return frames;
}

function decodeFrame(item: JsonObject, pack: LoadedPack): Frame | undefined {
  const flow = pack.flows.get(print(item["flow"]));
  const node = print(item["node"]);
  if (flow === undefined || !flow.nodes.has(node)) return undefined;
  const kind = item["kind"] === "call" || item["kind"] === "aside" ? item["kind"] : "root";
  const frame = openFrame(flow, { kind, node });
  const nodes = item["nodes"];
  if (nodes !== undefined && isJsonObject(nodes)) Object.assign(frame.nodes, nodes);
  frame.prev = item["prev"] ?? null;
  if (item["vars"] !== undefined && isJsonObject(item["vars"])) frame.vars = item["vars"];
  const wait = item["wait"];
  if (wait !== undefined && isJsonObject(wait)) frame.wait = decodeWait(wait);
  return frame;
}

function decodeWait(wait: JsonObject): FrameWait {
  const { reason, kept, expires, resume, status } = wait;
  return {
    reason: typeof reason === "string" ? reason : "",
    kept: kept ?? null,
    expiresAtMs: typeof expires === "number" ? expires : undefined,
    resume: resume === "routes" || resume === "rerun" ? resume : "node",
    status: typeof status === "string" ? status : "ok",
  };
}
