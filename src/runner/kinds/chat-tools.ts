import type { ChatTool, ChatToolCall } from "../../llm/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { EffectCall } from "../effect-call.ts";
import type { PackTools } from "../loaded-pack.ts";
import type { NodeCall } from "./kind.ts";

/** What a tool may tell a model; more than this costs and helps little. */
const MAX_RESULT_CHARS = 32_768;

/** A tool that the node lets the model have. */
interface OfferedTool extends ChatTool {
  /** Its name in the tool map. */
  readonly tool: string;
  readonly isRepeatable: boolean;
}

/** What came of a call that a model asked for. */
interface CalledTool {
  readonly tool: string;
  readonly isOk: boolean;
  /** What the model is told. */
  readonly content: string;
}

/** The tools that a node lists, as one conversation uses them. */
export class ChatTools {
  readonly #tools: PackTools | undefined;
  readonly #offered: readonly OfferedTool[];
  /** Calls that can't be repeated and failed in a way that leaves open what they did. */
  readonly #doubtful = new Set<string>();

  private constructor(tools: PackTools | undefined, offered: readonly OfferedTool[]) {
    this.#tools = tools;
    this.#offered = offered;
  }

  /** Reads what the listed tools say of themselves. @throws RUNNER_TOOL_MISSING, MCP_… */
  static async open(names: readonly string[], call: NodeCall, effect: EffectCall): Promise<ChatTools> {
    const { tools } = call.pack;
    const offered: OfferedTool[] = [];
    for (const tool of new Set(names)) {
      if (tools === undefined || !tools.names.includes(tool))
        throw new GreenticError("RUNNER_TOOL_MISSING", `Ask a model: the tool map has no tool ${quote(tool)}`);
      const { description, inputSchema, readOnly, idempotent } = await tools.describe(effect, tool);
      const parameters = isJsonObject(inputSchema) ? inputSchema : { type: "object" };
      const name = functionName(tool, offered);
      offered.push({ tool, name, description, parameters, isRepeatable: readOnly || idempotent });
    }
    return new ChatTools(tools, offered);
  }

  get offered(): readonly ChatTool[] {
    return this.#offered;
  }

  /** Calls what the model asks for, where the node lets it; every failure is told to the model. @throws RUNNER_EFFECT_DOUBTFUL */
  async call(asked: ChatToolCall, call: NodeCall, effect: EffectCall): Promise<CalledTool> {
    const offered = this.#offered.find(({ name }) => name === asked.name);
    if (offered === undefined) return failed("", "no such tool");
    const { tool, isRepeatable } = offered;
    let input: JsonValue;
    try {
      input = parseJson(Buffer.from(asked.argumentsText === "" ? "{}" : asked.argumentsText));
    } catch {
      return failed(tool, "the arguments aren't JSON");
    }
    const sameCall = JSON.stringify([tool, input]);
    if (this.#doubtful.has(sameCall))
      return failed(tool, "not called again: nobody knows whether the call before was done");
    call.noteCall({ target: tool });
    const told = await effect.step({ name: `tool:${tool}`, input, isRepeatable }, (idempotencyKey) =>
      this.#invoke({ tool, input }, { ...effect, ctx: { ...effect.ctx, idempotencyKey } }),
    );
    const { error, result } = isJsonObject(told) ? told : {};
    if (error === undefined) return { tool, isOk: true, content: cut(JSON.stringify(result ?? null)) };
    const { code, isDoubtful } = isJsonObject(error) ? error : {};
    if (!isRepeatable && isDoubtful === true) this.#doubtful.add(sameCall);
    const { message } = isJsonObject(error) ? error : {};
    return failed(tool, typeof message === "string" ? message : "it failed", code);
  }

  /** Calls the tool; its input is checked against its schema before. */
  async #invoke(to: { readonly tool: string; readonly input: JsonValue }, effect: EffectCall): Promise<JsonValue> {
    try {
      const outcome = await (this.#tools as PackTools).call(effect, to);
      if (outcome.elicitation !== undefined)
        return { error: { code: "RUNNER_TOOL_FAILED", message: "it asks the person, which can't be done here" } };
      if (outcome.error === undefined) return { result: outcome.result ?? null };
      const { code, message, retryable } = outcome.error;
      return { error: { code, message, isDoubtful: !retryable } };
    } catch (error) {
      // What keeps a call from being made: an input that doesn't fit, a tool that is gone.
      if (!isGreenticError(error)) throw error;
      return { error: { code: error.code, message: error.message } };
    }
  }
}

/** Names of functions have fewer letters than a tool map's. */
function functionName(tool: string, taken: readonly OfferedTool[]): string {
  const plain = tool.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 60);
  for (let n = 1; ; n++) {
    const name = n === 1 ? plain : `${plain}_${n}`;
    if (!taken.some((other) => other.name === name)) return name;
  }
}

function failed(tool: string, message: string, code?: JsonValue): CalledTool {
  const error = { message, ...(code === undefined ? {} : { code }) };
  return { tool, isOk: false, content: cut(JSON.stringify({ error })) };
}

function cut(text: string): string {
  return text.length <= MAX_RESULT_CHARS ? text : `${text.slice(0, MAX_RESULT_CHARS)}… (cut: it is longer)`;
}
