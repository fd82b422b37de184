import type { CallToolResult, InputRequiredResult, McpServer, ServerContext, Tool } from "@modelcontextprotocol/server";
import type { ToolOffer } from "../../flow/index.ts";
import { inputOf } from "../../flow/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import { checkInput } from "../check-input.ts";
import type { CalledTurn, ClientAbilities } from "./calls.ts";
import { Calls } from "./calls.ts";
import type { OfferedFlow, Offering } from "./offering.ts";
import { servePrompts } from "./prompts.ts";
import { serveResources } from "./resources.ts";
import { readFields } from "./read-fields.ts";
import type { Sdk } from "./sdk.ts";
import type { CallState, SessionHandles } from "./session-handle.ts";
import { CONTINUE_TOOL, resultOf, thrownResult, waitingResult } from "./tool-result.ts";

/** What every connection's server is made of. */
export interface ServerParts {
  readonly sdk: Sdk;
  readonly offering: Offering;
  readonly handles: SessionHandles;
  readonly version: string;
  /** Unguessable; request ids are told apart by it where the transport has no sessions. */
  readonly connection: string;
  /** Whether the connection lives longer than a request, so that changes can be told. */
  readonly isLasting: boolean;
  /** Closes the response stream of calls that take longer than this, for clients that come back for it. */
  readonly pollAfterMs: number;
}

/** How many questions one call may ask before it fails, and how long a person may take for each. */
const MAX_ROUNDS = 64;
const ROUND_TIMEOUT_MS = 600_000;

/** Makes the protocol's server for one connection, or one request where there are no connections. */
export function createProtocolServer(parts: ServerParts): McpServer {
  const { sdk, offering, handles } = parts;
  const mcp = new sdk.McpServer(
    { name: "greentic", title: offering.title, version: parts.version },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        logging: {},
        completions: {},
      },
      inputRequired: { maxRounds: MAX_ROUNDS, roundTimeoutMs: ROUND_TIMEOUT_MS },
      requestState: { verify: (state, ctx) => handles.open(state, ctx) },
    },
  );
  const calls = new Calls({
    sdk,
    offering,
    handles,
    connection: parts.connection,
    abilitiesOf: (ctx) => abilitiesOf(mcp, ctx, sdk),
  });
  new ToolServing(mcp, parts, calls).serve();
  servePrompts(mcp, { ...parts, calls });
  const resources = serveResources(mcp, { ...parts, calls });
  if (parts.isLasting) {
    const stop = offering.watch(() => {
      const { server } = mcp;
      const told = [server.sendToolListChanged(), server.sendPromptListChanged(), server.sendResourceListChanged()];
      Promise.allSettled([...told, ...resources.tellChanged()]).catch(() => undefined);
    });
    Object.assign(mcp.server, { onclose: stop });
  }
  return mcp;
}

class ToolServing {
  readonly #mcp: McpServer;
  readonly #parts: ServerParts;
  readonly #calls: Calls;

  constructor(mcp: McpServer, parts: ServerParts, calls: Calls) {
    this.#mcp = mcp;
    this.#parts = parts;
    this.#calls = calls;
  }

  serve(): void {
    const { server } = this.#mcp;
    server.setRequestHandler("tools/list", () => {
      const tools = this.#offers().map(([flow, offer]) => toolOf(flow, offer));
      return { tools: tools.length === 0 ? [] : [...tools, CONTINUE] };
    });
    server.setRequestHandler("tools/call", ({ params }, ctx) =>
      this.#held(ctx, () => this.#call(params.name, params.arguments ?? {}, ctx)),
    );
  }

  #offers(): (readonly [OfferedFlow, ToolOffer])[] {
    return this.#parts.offering
      .list()
      .flatMap((flow) =>
        flow.offer.kind === "tool" && flow.offer.name !== CONTINUE_TOOL ? [[flow, flow.offer] as const] : [],
      );
  }

  /** Lets the client hang up while a call takes long: it comes back for the rest, and nothing is held open in between. */
  async #held<T>(ctx: ServerContext, run: () => Promise<T>): Promise<T> {
    const { pollAfterMs } = this.#parts;
    const timer = ctx.http?.closeSSE === undefined ? undefined : setTimeout(() => ctx.http?.closeSSE?.(), pollAfterMs);
    try {
      return await run();
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(
    name: string,
    given: Record<string, unknown>,
    ctx: ServerContext,
  ): Promise<CallToolResult | InputRequiredResult> {
    if (name === CONTINUE_TOOL) return this.#continue(given, ctx);
    const found = this.#offers().find(([, offer]) => offer.name === name);
    const { sdk } = this.#parts;
    if (found === undefined)
      throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InvalidParams, `Unknown tool: ${JSON.stringify(name)}`);
    const [flow, offer] = found;
    try {
      const fields = readFields(given);
      checkInput(name, inputOf(offer, flow.parameters), fields);
      const turn = await this.#calls.run(ctx, { flow, name, fields });
      return await this.#answer(ctx, turn, offer);
    } catch (error) {
      return thrownResult(error);
    }
  }

  async #continue(given: Record<string, unknown>, ctx: ServerContext): Promise<CallToolResult | InputRequiredResult> {
    try {
      const fields = readFields(given);
      checkInput(CONTINUE_TOOL, CONTINUE.inputSchema as unknown as JsonValue, fields);
      const { reply, answers, decline } = fields;
      const session = typeof fields["session"] === "string" ? fields["session"] : "";
      // A client that was asked in the middle of this call answers the question, not the call again.
      const under = ctx.mcpReq.requestState<CallState>();
      const state = under ?? (await this.#parts.handles.open(session, ctx));
      const offer = this.#offers().find(([, candidate]) => candidate.name === state.offer)?.[1];
      if (under !== undefined) return await this.#answer(ctx, await this.#calls.proceed(ctx, under), offer);
      const turn = await this.#calls.resume(ctx, state, {
        fields: answers !== undefined && isJsonObject(answers) ? answers : {},
        ...(typeof reply === "string" && answers === undefined ? { text: reply } : {}),
        ...(decline === true ? { isDeclined: true } : {}),
      });
      return await this.#answer(ctx, turn, offer);
    } catch (error) {
      return thrownResult(error);
    }
  }

  async #answer(
    ctx: ServerContext,
    turn: CalledTurn,
    offer: ToolOffer | undefined,
  ): Promise<CallToolResult | InputRequiredResult> {
    if (turn.status === "waiting") {
      const asked = await this.#calls.ask(ctx, turn);
      return asked ?? waitingResult(turn, await this.#parts.handles.seal(turn.next));
    }
    return this.#mcp.server.projectCallToolResult(resultOf(turn, offer), offer?.output);
  }
}

function toolOf(flow: OfferedFlow, offer: ToolOffer): Tool {
  const { hints } = offer;
  const title = offer.title ?? flow.title;
  const annotations = {
    ...(hints.readOnly === undefined ? {} : { readOnlyHint: hints.readOnly }),
    ...(hints.destructive === undefined ? {} : { destructiveHint: hints.destructive }),
    ...(hints.idempotent === undefined ? {} : { idempotentHint: hints.idempotent }),
    ...(hints.openWorld === undefined ? {} : { openWorldHint: hints.openWorld }),
  };
  return {
    name: offer.name,
    ...(title === undefined ? {} : { title }),
    description: offer.description ?? flow.description ?? title ?? offer.name,
    inputSchema: inputOf(offer, flow.parameters) as Tool["inputSchema"],
    ...(offer.output === undefined ? {} : { outputSchema: offer.output }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

const CONTINUE: Tool = {
  name: CONTINUE_TOOL,
  title: "Continue",
  description:
    "Answers a call of another tool that waits for an answer; that call's result says how and with which session.",
  inputSchema: {
    type: "object",
    properties: {
      session: { type: "string", description: "The session that the waiting result named", maxLength: 4_096 },
      reply: { type: "string", description: "The answer, where it is a text" },
      answers: { type: "object", description: "The answer's fields, after the schema that the waiting result gave" },
      decline: { type: "boolean", description: "True to turn the question down" },
    },
    required: ["session"],
    additionalProperties: false,
  },
};

/** What the client of a request can do: said with every request since 2026-07-28, before that once for the connection. */
function abilitiesOf(mcp: McpServer, ctx: ServerContext, sdk: Sdk): ClientAbilities {
  const envelope = ctx.mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
  const said = (envelope?.[sdk.CLIENT_CAPABILITIES_META_KEY] ?? mcp.server.getClientCapabilities() ?? {}) as JsonObject;
  const { elicitation, sampling } = said;
  const canElicit =
    elicitation !== undefined &&
    isJsonObject(elicitation) &&
    // Before there were links, saying nothing meant forms.
    (elicitation["form"] !== undefined || elicitation["url"] === undefined);
  return { canElicit, canSample: sampling !== undefined };
}
