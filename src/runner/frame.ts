import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import { print } from "./kinds/kind.ts";
import type { LoopState } from "./loop.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import type { Undoing, UndoEntry } from "./undo.ts";

/** One running flow of a session; a called flow's frame lies on its caller's. */
export interface Frame {
  /** `aside` answers beside a wait: when it ends, the frame below goes on waiting. */
  readonly kind: "root" | "call" | "aside";
  /** The very version that the flow is of. */
  readonly pack: LoadedPack;
  readonly flow: LoadedFlow;
  node: string;
  /** Outputs by node id; without a prototype, since ids may be anything. */
  readonly nodes: Record<string, JsonValue>;
  prev: JsonValue;
  vars: JsonObject;
  /** What the flow sees as `in` where that isn't the message. */
  entry: JsonValue | undefined;
  wait: FrameWait | undefined;
  /** How far the running node is with its items, where it goes through some one after another. */
  loop: LoopState | undefined;
  /** What undoes the nodes that went well, in the order in which they did. */
  undo: readonly UndoEntry[];
  /** Present while they are undone. */
  undoing: Undoing | undefined;
}

/** Why a frame waits and what it needs to go on. */
interface FrameWait {
  readonly reason: string;
  /** What the node kept. */
  readonly kept: JsonValue;
  readonly expiresAtMs: number | undefined;
  /**
   * `node`: the kind gets the message. `routes`: the node is done, its guards wait for one that holds; `rerun`: it runs again;
   * `attempt`: it is tried again with the input that it had; `loop`: its next item is due.
   */
  readonly resume: "node" | "routes" | "rerun" | "attempt" | "loop";
  /** The outcome's status, for `routes`. */
  readonly status: string;
  /** True where only time ends the wait: messages are kept for later. */
  readonly isClosed: boolean;
}

const NO_VARS: JsonObject = Object.freeze({});
const NO_UNDO: readonly UndoEntry[] = Object.freeze([]);

/** Starts a flow at a node. */
export function openFrame(
  flow: LoadedFlow,
  at: {
    readonly kind: Frame["kind"];
    readonly pack: LoadedPack;
    readonly node: string;
    readonly entry?: JsonValue | undefined;
    readonly vars?: JsonObject;
    /** Outputs that it sees from its start. */
    readonly nodes?: Readonly<Record<string, JsonValue>>;
    readonly prev?: JsonValue;
  },
): Frame {
  const nodes = Object.create(null) as Record<string, JsonValue>;
  if (at.nodes !== undefined) Object.assign(nodes, at.nodes);
  return {
    kind: at.kind,
    pack: at.pack,
    flow,
    node: at.node,
    nodes,
    prev: at.prev ?? null,
    vars: at.vars ?? NO_VARS,
    entry: at.entry,
    wait: undefined,
    loop: undefined,
    undo: NO_UNDO,
    undoing: undefined,
  };
}

/** Writes frames as the session's snapshot keeps them: of each frame only what its flow can still read. */
export function encodeFrames(frames: readonly Frame[]): JsonValue {
  const [root] = frames;
  const isClosed = frames.at(-1)?.wait?.isClosed === true;
  return frames.map((frame) => {
    const retained = frame.flow.retainedAt(frame.node);
    const { wait, loop, undo, undoing, pack } = frame;
    const isDone = wait?.resume === "routes";
    const keepsPrev = ((wait?.resume === "rerun" || wait?.resume === "attempt") && retained.prev) || isDone;
    // The next message becomes `in`; where only time passes, `in` is what it was.
    const keepsEntry = isClosed && retained.entry && frame.entry !== undefined;
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
      // By which another version of the pack tells whether its node is still the same.
      op: frame.flow.nodes.get(frame.node)?.compiled.ir.kind ?? "",
      ...(frame.kind === "root" ? {} : { kind: frame.kind }),
      ...(pack === root?.pack ? {} : { pack: pack.name, hash: pack.packHash }),
      ...(count === 0 ? {} : { nodes }),
      ...(keepsPrev ? { prev: frame.prev } : {}),
      ...(keepsEntry ? { entry: frame.entry as JsonValue } : {}),
      ...(Object.keys(frame.vars).length === 0 ? {} : { vars: frame.vars }),
      ...(wait === undefined ? {} : { wait: encodeWait(wait) }),
      ...(loop === undefined ? {} : { loop: loop as unknown as JsonObject }),
      ...(undo.length === 0 ? {} : { undo: undo as unknown as JsonValue }),
      ...(undoing === undefined ? {} : { undoing: undoing as unknown as JsonObject }),
    };
  });
}

function encodeWait(wait: FrameWait): JsonObject {
  return {
    reason: wait.reason,
    resume: wait.resume,
    ...(wait.kept === null ? {} : { kept: wait.kept }),
    ...(wait.expiresAtMs === undefined ? {} : { expires: wait.expiresAtMs }),
    ...(wait.resume === "routes" || wait.resume === "rerun" ? { status: wait.status } : {}),
    ...(wait.isClosed ? { closed: true } : {}),
  };
}

/** Finds a pack by its name and hash. */
export type FindPack = (name: string, hash: string) => LoadedPack | undefined;

/** Reads frames back; undefined where a pack, or a flow or node of one, isn't there any more. */
export function decodeFrames(
  value: JsonValue | undefined,
  from: { readonly pack: LoadedPack; readonly find: FindPack },
): Frame[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const frames: Frame[] = [];
  for (const item of value as readonly JsonValue[]) {
    const frame = isJsonObject(item) ? decodeFrame(item, from) : undefined;
    if (frame === undefined) return undefined;
    frames.push(frame);
  }
  return frames;
}

function decodeFrame(
  item: JsonObject,
  from: { readonly pack: LoadedPack; readonly find: FindPack },
): Frame | undefined {
  const named = item["pack"];
  const pack = named === undefined ? from.pack : from.find(print(named), print(item["hash"]));
  const flow = pack?.flows.get(print(item["flow"]));
  const node = print(item["node"]);
  if (pack === undefined || flow === undefined || !flow.nodes.has(node)) return undefined;
  const kind = item["kind"] === "call" || item["kind"] === "aside" ? item["kind"] : "root";
  const { nodes, vars, wait, loop, undo, undoing } = item;
  const frame = openFrame(flow, {
    kind,
    pack,
    node,
    entry: item["entry"],
    ...(nodes !== undefined && isJsonObject(nodes) ? { nodes } : {}),
    ...(vars !== undefined && isJsonObject(vars) ? { vars } : {}),
    prev: item["prev"] ?? null,
  });
  if (wait !== undefined && isJsonObject(wait)) frame.wait = decodeWait(wait);
  if (loop !== undefined && isJsonObject(loop)) frame.loop = loop as unknown as LoopState;
  if (Array.isArray(undo)) frame.undo = undo;
  if (undoing !== undefined && isJsonObject(undoing)) frame.undoing = undoing as unknown as Undoing;
  return frame;
}

const RESUMES = ["routes", "rerun", "attempt", "loop"] as const;

function decodeWait(wait: JsonObject): FrameWait {
  const { reason, kept, expires, resume, status, closed } = wait;
  return {
    reason: typeof reason === "string" ? reason : "",
    kept: kept ?? null,
    expiresAtMs: typeof expires === "number" ? expires : undefined,
    resume: RESUMES.find((known) => known === resume) ?? "node",
    status: typeof status === "string" ? status : "ok",
    isClosed: closed === true,
  };
}

/** The packs, by name and hash, that a snapshot's frames are of beside the session's own. */
export function packsOfFrames(
  value: JsonValue | undefined,
): readonly { readonly name: string; readonly hash: string }[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly JsonValue[]).flatMap((item) =>
    isJsonObject(item) && typeof item["hash"] === "string" ? [{ name: print(item["pack"]), hash: item["hash"] }] : [],
  );
}
