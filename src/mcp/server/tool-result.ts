import type { CallToolResult } from "@modelcontextprotocol/server";
import type { ToolOffer } from "../../flow/index.ts";
import { GreenticError, isGreenticError, isJsonObject } from "../../types/index.ts";
import { checkInput } from "../check-input.ts";
import { contentOf, textOf } from "./content.ts";
import type { OfferedTurn } from "./offering.ts";

/** Where a result tells programs the code of what went wrong, and how to go on with what waits. */
const ERROR_META = "greentic.ai/error";
const SESSION_META = "greentic.ai/session";

/** The tool that goes on with flows that wait, for clients that can't ask anybody in the middle of a call. */
export const CONTINUE_TOOL = "continue_session";

/** Makes the result of a turn that has ended. */
export function resultOf(turn: OfferedTurn, offer: ToolOffer | undefined): CallToolResult {
  if (turn.status === "error")
    return failureOf(turn.error?.code ?? "RUNNER_NODE_FAILED", textOf(turn.reply, { choices: false }));
  const content = contentOf(turn.reply);
  const { output } = turn;
  if (offer?.output !== undefined) {
    try {
      checkInput(offer.name, offer.output, output);
    } catch (error) {
      if (!isGreenticError(error, "MCP_INPUT_INVALID")) throw error;
      return failureOf("MCP_OUTPUT_INVALID", "The flow's output doesn't fit the schema that it promised");
    }
    return { content, structuredContent: output };
  }
  // A flow that says nothing means its output; what it says otherwise is for people, its output for whoever called it inside.
  if (content.length > 0) return { content };
  if (isJsonObject(output)) return { content, structuredContent: output };
  return {
    content:
      output === null ? [] : [{ type: "text", text: typeof output === "string" ? output : JSON.stringify(output) }],
  };
}

/** Makes the result of a flow that waits, for a client that can't ask: what it waits for, and the handle to go on with. */
export function waitingResult(turn: OfferedTurn, handle: string): CallToolResult {
  const { asks } = turn;
  const how =
    asks?.kind === "model"
      ? `answer it with a message of your own in \`answers\`: {"text": "…"}. It asks: ${JSON.stringify(asks.request)}`
      : asks === undefined
        ? "pass the answer in `reply`."
        : `pass \`answers\` after this JSON Schema: ${JSON.stringify(asks.schema)}`;
  const note = `This waits for an answer. Call the tool ${CONTINUE_TOOL} with session ${JSON.stringify(handle)}; ${how}`;
  return {
    content: [...contentOf(turn.reply), { type: "text", text: note }],
    _meta: { [SESSION_META]: { session: handle, ...(asks && { asks }) } },
  };
}

/** Makes the result of a call that failed: what the flow says to people, and the code; nothing of what happened inside. */
function failureOf(code: string, text: string): CallToolResult {
  return {
    isError: true,
    content: [{ type: "text", text: text === "" ? code : `${text} (${code})` }],
    _meta: { [ERROR_META]: { code } },
  };
}

/** Makes the result of an error of ours; anything else isn't the caller's business. */
export function thrownResult(error: unknown): CallToolResult {
  if (!(error instanceof GreenticError)) throw error;
  const isTold = error.kind === "invalid_input" || error.kind === "not_found" || error.kind === "timeout";
  return failureOf(error.code, isTold ? error.message : "The call failed");
}
