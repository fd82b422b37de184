import type {
  GetPromptResult,
  InputRequiredResult,
  McpServer,
  Prompt,
  ServerContext,
} from "@modelcontextprotocol/server";
import type { PromptOffer } from "../../flow/index.ts";
import { inputOf } from "../../flow/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import { checkInput } from "../check-input.ts";
import type { Calls } from "./calls.ts";
import { contentOf } from "./content.ts";
import type { OfferedFlow, Offering } from "./offering.ts";
import { refuseTurn } from "./refuse-turn.ts";
import type { Sdk } from "./sdk.ts";

interface PromptParts {
  readonly sdk: Sdk;
  readonly offering: Offering;
  readonly calls: Calls;
}

const MAX_COMPLETIONS = 100;

/** Serves prompts: flows whose messages are the prompt's; and what their arguments may be. */
export function servePrompts(mcp: McpServer, parts: PromptParts): void {
  const { server } = mcp;
  const { sdk } = parts;
  const offers = (): readonly Offered[] =>
    parts.offering.list().flatMap((flow) => (flow.offer.kind === "prompt" ? [{ flow, offer: flow.offer }] : []));
  server.setRequestHandler("prompts/list", () => ({ prompts: offers().map(promptOf) }));
  server.setRequestHandler("prompts/get", ({ params }, ctx) => {
    const found = offers().find(({ offer }) => offer.name === params.name);
    if (found === undefined)
      throw new sdk.ProtocolError(
        sdk.ProtocolErrorCode.InvalidParams,
        `Unknown prompt: ${JSON.stringify(params.name)}`,
      );
    return getPrompt(ctx, { ...found, parts, fields: params.arguments ?? {} });
  });
  server.setRequestHandler("completion/complete", ({ params }) => {
    const { ref, argument } = params;
    const found = ref.type === "ref/prompt" ? offers().find(({ offer }) => offer.name === ref.name) : undefined;
    const values =
      found === undefined ? [] : valuesOf(found, argument.name).filter((value) => startsWith(value, argument.value));
    return {
      completion: {
        values: values.slice(0, MAX_COMPLETIONS),
        total: values.length,
        hasMore: values.length > MAX_COMPLETIONS,
      },
    };
  });
}

interface Offered {
  readonly flow: OfferedFlow;
  readonly offer: PromptOffer;
}

async function getPrompt(
  ctx: ServerContext,
  { flow, offer, parts, fields }: Offered & { readonly parts: PromptParts; readonly fields: JsonObject },
): Promise<GetPromptResult | InputRequiredResult> {
  const { calls, sdk, offering } = parts;
  try {
    checkInput(offer.name, inputOf(offer, flow.parameters), fields);
    const turn = await calls.run(ctx, { flow, name: offer.name, fields });
    if (turn.status === "waiting") {
      const asked = await calls.ask(ctx, turn);
      if (asked !== undefined) return asked;
      await offering.end(turn.next.conversation);
      throw new sdk.ProtocolError(
        sdk.ProtocolErrorCode.InvalidRequest,
        "The prompt asks a question, and the client can't",
      );
    }
    if (turn.status === "error")
      throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InternalError, turn.error?.code ?? "RUNNER_NODE_FAILED");
    const messages = contentOf(turn.reply).map((content) => ({ role: "user" as const, content }));
    return { ...(offer.description === undefined ? {} : { description: offer.description }), messages };
  } catch (error) {
    return refuseTurn(sdk, error);
  }
}

function promptOf({ flow, offer }: Offered): Prompt {
  const { properties, required } = inputOf(offer, flow.parameters);
  const needed: readonly JsonValue[] = Array.isArray(required) ? required : [];
  const args = Object.entries(properties !== undefined && isJsonObject(properties) ? properties : {});
  const title = offer.title ?? flow.title;
  return {
    name: offer.name,
    ...(title === undefined ? {} : { title }),
    description: offer.description ?? flow.description ?? title ?? offer.name,
    arguments: args.map(([name, schema]) => {
      const described = isJsonObject(schema) ? schema["description"] : undefined;
      return {
        name,
        ...(typeof described === "string" ? { description: described } : {}),
        required: needed.includes(name),
      };
    }),
  };
}

/** What an argument may be, as far as its schema says: its enum, else its examples. */
function valuesOf({ flow, offer }: Offered, name: string): readonly string[] {
  const { properties } = inputOf(offer, flow.parameters);
  const schema =
    properties !== undefined && isJsonObject(properties) && Object.hasOwn(properties, name)
      ? properties[name]
      : undefined;
  if (schema === undefined || !isJsonObject(schema)) return [];
  const values = schema["enum"] ?? schema["examples"];
  return Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];
}

function startsWith(value: string, begun: string): boolean {
  return value.toLowerCase().startsWith(begun.toLowerCase());
}
