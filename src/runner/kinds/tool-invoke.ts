import type { Elicitation, ElicitationAnswer } from "../../mcp/index.ts";
import { elicitationKey } from "../../mcp/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import { contentOf, questionsOf, unfitField } from "../qa/elicited.ts";
import { DURATION_SCHEMA } from "./duration.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";
import { askQuestions } from "./qa.ts";

/** A call of a tool, with what the person said to what it asked so far. */
interface Invocation {
  readonly tool: string;
  readonly input: JsonValue;
  readonly answers: readonly ElicitationAnswer[];
}

/** What a node keeps while the person is asked on a tool's behalf. */
interface Kept extends Invocation {
  readonly elicitation: Elicitation;
  /** What the questions keep. */
  readonly qa: JsonValue;
}

const MAX_ELICITATIONS = 10;
const NOTHING: JsonObject = { result: null, content: [] };

/**
 * `tool.invoke`: calls a tool of the pack's tool map. A tool that asks the person in the middle of its call is left, the person is
 * asked as `qa` asks, and the tool is called again with the same input: its question finds the answer then. Nothing but the
 * question and the answers is kept, so that days and restarts may lie between.
 */
export const toolInvoke: Kind = {
  name: "tool.invoke",
  summary: "Calls a tool of the tool map: an MCP component, an MCP server or HTTP.",
  effect: "effectful",
  statuses: ["ok", "error", "cancelled", "expired"],
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: {
      tool: { type: "string" },
      input: { description: "The tool's arguments" },
      cancel: {
        type: ["array", "string"],
        items: { type: "string" },
        description: "Words that end what the tool asks; the engine's own, in the person's language, always do",
      },
      expires: DURATION_SCHEMA,
    },
    required: ["tool"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      result: { description: "The tool's structured result, or its text" },
      content: { type: "array", description: "The tool's content blocks" },
    },
    required: ["result"],
  },
  async run(input, call) {
    const kept = call.resumed === undefined ? undefined : readKept(call.resumed.kept);
    if (kept !== undefined) return goOn(kept, call, fields(input));
    const given = fields(input);
    const tool = text(given["tool"]) ?? "";
    return invoke({ tool, input: given["input"] ?? {}, answers: [] }, call, given);
  },
};

async function invoke(invocation: Invocation, call: NodeCall, given: JsonObject): Promise<KindResult> {
  const { tool, input, answers } = invocation;
  if (call.effect === undefined) throw new TypeError("Invoke tool: outside of an attempt");
  if (call.pack.tools === undefined) {
    throw new GreenticError("RUNNER_TOOL_MISSING", `Invoke tool ${quote(tool)}: the pack has no tool map`);
  }
  call.noteCall({ target: tool });
  const result = await call.pack.tools.call(call.effect, {
    tool,
    input,
    answers,
    // A node that retries by itself leaves nothing to the tool map.
    retries: call.node.compiled.ir.retry === undefined ? undefined : 0,
  });
  call.noteCall({ target: tool, stats: result.stats });
  if (result.error !== undefined) return { kind: "error", error: result.error };
  if (result.elicitation !== undefined) {
    if (answers.length >= MAX_ELICITATIONS) {
      throw new GreenticError(
        "RUNNER_TOOL_FAILED",
        `Invoke tool ${quote(tool)}: it asks more than ${MAX_ELICITATIONS} times`,
      );
    }
    return ask({ ...invocation, elicitation: result.elicitation, qa: null }, call, { given, resumed: undefined });
  }
  const { result: value = null, content = [] } = result;
  const isDeclined = answers.some(({ action }) => action === "decline");
  return ok({ result: value, content }, isDeclined ? "cancelled" : "ok");
}

/** Takes the person's message as an answer to what the tool asked. */
async function goOn(kept: Kept, call: NodeCall, given: JsonObject): Promise<KindResult> {
  const by = call.resumed?.by ?? "message";
  if (by === "message" && isWord(call, "greentic.decline")) return settle(kept, call, { given, action: "decline" });
  return ask(kept, call, { given, resumed: { by, kept: kept.qa } });
}

async function ask(
  kept: Kept,
  call: NodeCall,
  how: {
    readonly given: JsonObject;
    readonly resumed: NodeCall["resumed"];
    /** Answers that stay, where one doesn't fit. */
    readonly known?: JsonObject;
    readonly unfit?: string;
  },
): Promise<KindResult> {
  const { elicitation, tool } = kept;
  const { given, known, unfit: field } = how;
  const own = given["cancel"];
  const words = typeof own === "string" ? [own] : Array.isArray(own) ? (own as readonly JsonValue[]) : [];
  const asked = askQuestions(
    {
      questions: questionsOf(tool, elicitation, { scope: call.scope, unfit: field }),
      cancel: [...words, call.scope.t("greentic.cancel"), "cancel"],
      ...(known === undefined ? {} : { known }),
      ...(given["expires"] === undefined ? {} : { expires: given["expires"] }),
    },
    { call, resumed: how.resumed },
  );
  if (asked.kind === "wait") {
    const next: Kept = { ...kept, qa: asked.kept ?? null };
    return { ...asked, reason: `elicitation:${tool}`, kept: next as unknown as JsonObject };
  }
  if (asked.kind !== "ok") return asked;
  if (asked.status === "expired") return ok(NOTHING, "expired");
  // The tool was told `cancel` when it asked; there is nothing to tell it again.
  if (asked.status !== "ok") return ok(NOTHING, "cancelled");
  const answers = fields(fields(asked.output)["answers"] ?? null);
  const content = contentOf(elicitation, answers);
  if (content === undefined) return settle(kept, call, { given, action: "decline" });
  const unfit = unfitField(elicitation, content);
  if (unfit === undefined) return settle(kept, call, { given, action: "accept", content });
  if (known !== undefined) return ok(NOTHING, "cancelled");
  const fit = Object.fromEntries(Object.entries(answers).filter(([name]) => name !== unfit));
  return ask(kept, call, { given, resumed: undefined, known: fit, unfit });
}

/** Calls the tool again, with one more answer. */
function settle(
  { tool, input, answers, elicitation }: Kept,
  call: NodeCall,
  said: { readonly given: JsonObject; readonly action: "accept" | "decline"; readonly content?: JsonObject },
): Promise<KindResult> {
  const { given, action, content } = said;
  const answer: ElicitationAnswer = {
    key: elicitationKey(elicitation),
    action,
    ...(content === undefined || elicitation.mode === "url" ? {} : { content }),
  };
  return invoke({ tool, input, answers: [...answers, answer] }, call, given);
}

function isWord(call: NodeCall, key: string): boolean {
  const said = call.message?.text?.trim().toLowerCase();
  return said !== undefined && (said === "decline" || said === call.scope.t(key).toLowerCase());
}

function readKept(value: JsonValue): Kept | undefined {
  if (!isJsonObject(value) || !isJsonObject(value["elicitation"] ?? null)) return undefined;
  return value as unknown as Kept;
}
