import type { CallStats } from "../../component/index.ts";
import type { PolicyPoint } from "../../config/index.ts";
import type { FlowScope, KindSpec } from "../../flow/index.ts";
import type { PolicyQuestion } from "../../policy/index.ts";
import type { WorkingSet } from "../../state/index.ts";
import type {
  Attachment,
  ChannelMessageEnvelope,
  Destination,
  EnvelopeExtensions,
  JsonObject,
  JsonValue,
  OutcomeError,
} from "../../types/index.ts";
import type { LoadedNode, LoadedPack } from "../loaded-pack.ts";
import type { Ask } from "../runtime.ts";
import type { EffectCall } from "../effect-call.ts";

/** A node kind: what it promises about itself and how it runs. One file each; nothing else in the engine knows a kind by name. */
export interface Kind extends KindSpec {
  /**
   * Runs the node with its rendered input. Everything but effectful kinds answers at once, so that a turn without effects never
   * leaves the processor. A GreenticError that it throws is the node's error outcome.
   */
  readonly run: (input: JsonValue, call: NodeCall) => KindResult | Promise<KindResult>;
  /** Tells whether this call acts outside of the turn; `effect` decides where it is absent. */
  readonly isEffectful?: (input: JsonValue, call: NodeCall) => boolean;
  /** Wall time of one attempt where the node sets none; the engine's default where absent. */
  readonly timeoutMs?: number;
  /** True where a component of the pack runs; its output may be meant for the person. */
  readonly isComponent?: boolean;
  /** True for what a pack may bring its own component for: that one goes before. */
  readonly yieldsToComponents?: boolean;
  /** True where a message that finds no matching guard runs the node again; else only its routes are looked at again. */
  readonly rerunsOnMessage?: boolean;
}

/** What a node came to. */
export type KindResult =
  | { readonly kind: "ok"; readonly status: string; readonly output: JsonValue }
  | { readonly kind: "error"; readonly error: OutcomeError; readonly output?: JsonValue }
  /** Parks the flow at this node. `kept` is all that the node gets back; keep it small. */
  | {
      readonly kind: "wait";
      readonly reason: string;
      readonly kept?: JsonValue;
      readonly expiresAtMs?: number;
      readonly asks?: Ask;
      /** Where there is one the node is done, and its routes choose once the next message is there. */
      readonly output?: JsonValue;
      /** True where only time ends the wait: messages are kept until then. */
      readonly isClosed?: boolean;
      /** What goes on then: the node as its kind says, or with another attempt. Default the node. */
      readonly resume?: "attempt";
    }
  /** Runs another flow, of another pack where one is named. */
  | { readonly kind: "call"; readonly flow: string; readonly pack?: string; readonly input: JsonValue | undefined }
  | EachPlan
  | BranchPlan
  /** Undoes what the flow has done so far. */
  | { readonly kind: "undo" }
  | {
      readonly kind: "goto";
      readonly flow: string | undefined;
      readonly node: string | undefined;
      readonly input: JsonValue | undefined;
      /** The node's output, where it has one beside going elsewhere. */
      readonly output?: JsonValue;
      /** Jumps that one turn may take before this one. */
      readonly maxRedirects?: number;
    }
  | { readonly kind: "return"; readonly value: JsonValue };

/** What runs for an item or branch: a chain of nodes of the same flow until it ends, or another flow of the pack. */
export interface Body {
  readonly node?: string;
  readonly flow?: string;
}

/** Runs a body for every item. */
export interface EachPlan {
  readonly kind: "each";
  readonly items: readonly JsonValue[];
  readonly body: Body;
  /** The variable that holds the item; `index` holds its place. */
  readonly as: string;
  /** What a flow gets as `in`; the item where absent. */
  readonly input?: JsonValue;
  readonly maxConcurrency: number;
  /** End with the first failure, leave failures out, or run all and then fail. */
  readonly onItemError: "stop" | "continue" | "collect";
}

/** Runs several bodies side by side. */
export interface BranchPlan {
  readonly kind: "branches";
  readonly branches: readonly { readonly name: string; readonly body: Body; readonly input?: JsonValue }[];
  readonly maxConcurrency: number;
  /** How many must go well; those that are no longer needed then are given up. */
  readonly needs: number;
}

/** Whom a message is for. */
export interface DraftDestination extends Destination {
  readonly channel?: string;
}

/** A message as a kind says it; the turn addresses it. */
export interface MessageDraft {
  readonly text?: string | undefined;
  readonly attachments?: readonly Attachment[] | undefined;
  /** Conversations by id, of this channel unless another of the team's is named; who wrote where there are none. */
  readonly to?: readonly DraftDestination[] | undefined;
  readonly extensions?: EnvelopeExtensions | undefined;
}

/** Who may decide an approval, and until when. */
export interface ApprovalDraft {
  readonly users: readonly string[];
  /** Conversations that are asked; this one where absent. */
  readonly to: readonly DraftDestination[] | undefined;
  readonly untilMs: number;
}

/** An event as a kind publishes it; the turn says when and where it came from. */
export interface EventDraft {
  readonly type: string;
  readonly subject: string | undefined;
  readonly data: JsonValue;
}

/** What a kind sees of the turn that it runs in. */
export interface NodeCall {
  readonly scope: FlowScope;
  readonly node: LoadedNode;
  readonly pack: LoadedPack;
  /** The message that runs this turn; undefined where a timer does. */
  readonly message: ChannelMessageEnvelope | undefined;
  /** When the message arrived or the timer was due: the turn's time, the same when a crashed turn runs again. */
  readonly nowMs: number;
  /** What the node kept when it parked, and what woke it; undefined on its first run. */
  readonly resumed: { readonly by: "message" | "expiry"; readonly kept: JsonValue } | undefined;
  /** The session's state as this turn has it. */
  readonly working: WorkingSet;
  /** Present while an effectful kind runs. */
  readonly effect: EffectCall | undefined;
  /** The card asset that a submitted card asked for in the place of the node's own. */
  readonly cardAsset: string | undefined;
  /** The packs of the conversation's team, this one first. */
  readonly packs: readonly LoadedPack[];
  setVar(name: string, value: JsonValue): void;
  /** Queues a message; it leaves with the turn's commit. */
  send(draft: MessageDraft): ChannelMessageEnvelope;
  /** Asks policy about what the node is about to do; at once where nothing could be denied. @throws POLICY_DENIED, or rejects with it */
  judge(point: PolicyPoint, about: Pick<PolicyQuestion, "event" | "operation">): void | Promise<void>;
  /** Publishes an event; it leaves with the turn's commit. @returns its id */
  publish(event: EventDraft): string;
  /** Opens an approval that a word with its code decides. @returns the code, which nobody can guess */
  askApproval(asked: ApprovalDraft): string;
  /** Renders the node's input again, where the node has given `output` so far: what it asks next may name what it was told. */
  renderAgain(output: JsonValue): JsonValue;
  /** Renders with another locale than the turn's. */
  inLocale<T>(locale: string, render: () => T): T;
  /** Tells which tool or component was called and what the call cost, for reports and events. */
  noteCall(call: { readonly target: string; readonly stats?: CallStats | undefined }): void;
  log(level: "debug" | "info" | "warn" | "error", message: string): void;
}

/** Makes the outcome of a node that went well. */
export function ok(output: JsonValue, status = "ok"): KindResult {
  return { kind: "ok", status, output };
}

/** Reads an input as an object; anything else has no fields. */
export function fields(input: JsonValue): JsonObject {
  return typeof input === "object" && input !== null && !Array.isArray(input) ? (input as JsonObject) : {};
}

/** Reads a text field; undefined for anything else and for the empty text. */
export function text(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Prints a value as a person reads it: texts as they are, objects as JSON. */
export function print(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
