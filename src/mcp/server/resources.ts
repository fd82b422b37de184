import type { McpServer, ReadResourceResult, ServerContext } from "@modelcontextprotocol/server";
import type { ResourceOffer } from "../../flow/index.ts";
import type { JsonObject } from "../../types/index.ts";
import type { Calls } from "./calls.ts";
import { resourceContents } from "./content.ts";
import type { OfferedFlow, Offering } from "./offering.ts";
import { refuseTurn } from "./refuse-turn.ts";
import { ResourceVersions } from "./resource-versions.ts";
import type { Sdk } from "./sdk.ts";

interface ResourceParts {
  readonly sdk: Sdk;
  readonly offering: Offering;
  readonly calls: Calls;
}

interface Offered {
  readonly flow: OfferedFlow;
  readonly offer: ResourceOffer;
}

/** The revision whose clients listen instead of subscribing. */
const SUBSCRIPTIONS_LISTEN = "2026-07-28";
/** Resources that one connection watches, at most. */
const MAX_SUBSCRIPTIONS = 1_000;

/** Serves resources: flows whose messages are the contents of a URI. Returns how to tell subscribers of a change. */
export function serveResources(
  mcp: McpServer,
  parts: ResourceParts,
): { readonly tellChanged: () => readonly Promise<void>[] } {
  const { server } = mcp;
  const { sdk } = parts;
  /** URI → the content that its subscriber knows. */
  const watched = new Map<string, string>();
  const offers = (): readonly Offered[] =>
    parts.offering.list().flatMap((flow) => (flow.offer.kind === "resource" ? [{ flow, offer: flow.offer }] : []));
  const find = (uri: string): ReturnType<typeof findResource> => findResource(offers(), uri, sdk);
  server.setRequestHandler("resources/list", () => ({
    resources: offers()
      .filter(({ offer }) => !isTemplate(offer))
      .map((offered) => ({ uri: offered.offer.uri, ...describe(offered) })),
  }));
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: offers()
      .filter(({ offer }) => isTemplate(offer))
      .map((offered) => ({ uriTemplate: offered.offer.uri, ...describe(offered) })),
  }));
  server.setRequestHandler("resources/read", ({ params }, ctx) =>
    read(ctx, { parts, uri: params.uri, ...find(params.uri) }),
  );
  server.setRequestHandler("resources/subscribe", ({ params }) => {
    const { flow } = find(params.uri);
    if (watched.size >= MAX_SUBSCRIPTIONS)
      throw new sdk.ProtocolError(
        sdk.ProtocolErrorCode.InvalidRequest,
        `No more than ${MAX_SUBSCRIPTIONS} subscriptions`,
      );
    watched.set(params.uri, flow.packHash);
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", ({ params }) => {
    watched.delete(params.uri);
    return {};
  });
  const versions = new ResourceVersions(parts.offering);
  return {
    tellChanged: () => {
      const changed = versions.takeChanged();
      // Since 2026-07-28 the library knows who listens to what.
      const isOlder = (server.getNegotiatedProtocolVersion() ?? "") < SUBSCRIPTIONS_LISTEN;
      const told = isOlder ? changedOf(watched, offers(), sdk) : changed;
      return told.map((uri) => server.sendResourceUpdated({ uri }));
    },
  };
}

/** The watched URIs whose pack has changed; from then on the new content is known. */
function changedOf(watched: Map<string, string>, offers: readonly Offered[], sdk: Sdk): readonly string[] {
  const changed: string[] = [];
  for (const [uri, known] of watched) {
    const packHash = matchResource(offers, uri, sdk)?.flow.packHash ?? "";
    if (packHash === known) continue;
    watched.set(uri, packHash);
    changed.push(uri);
  }
  return changed;
}

type Found = Offered & { readonly fields: JsonObject };

function findResource(offers: readonly Offered[], uri: string, sdk: Sdk): Found {
  const found = matchResource(offers, uri, sdk);
  if (found === undefined) throw new sdk.ResourceNotFoundError(uri);
  return found;
}

/** Finds the offer of a URI, plain ones before templates; what a template's names stand for are the flow's fields. */
function matchResource(offers: readonly Offered[], uri: string, sdk: Sdk): Found | undefined {
  const plain = offers.find(({ offer }) => offer.uri === uri);
  if (plain !== undefined) return { ...plain, fields: {} };
  for (const offered of offers) {
    const fields = isTemplate(offered.offer) ? new sdk.UriTemplate(offered.offer.uri).match(uri) : null;
    if (fields !== null) return { ...offered, fields: decoded(fields) };
  }
  return undefined;
}

function decoded(fields: Readonly<Record<string, string | string[]>>): JsonObject {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    const text = String(value);
    try {
      values[name] = decodeURIComponent(text);
    } catch {
      // A lone percent sign stands for itself.
      values[name] = text;
    }
  }
  return values;
}

async function read(
  ctx: ServerContext,
  { parts, uri, flow, offer, fields }: Found & { readonly parts: ResourceParts; readonly uri: string },
): Promise<ReadResourceResult> {
  const { calls, offering, sdk } = parts;
  try {
    const turn = await calls.run(ctx, { flow, name: offer.uri, fields: { ...fields, uri } });
    if (turn.status === "waiting") {
      await offering.end(turn.next.conversation);
      throw new sdk.ProtocolError(
        sdk.ProtocolErrorCode.InternalError,
        "The resource's flow waits instead of answering",
      );
    }
    if (turn.status === "error")
      throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InternalError, turn.error?.code ?? "RUNNER_NODE_FAILED");
    const contents = resourceContents(turn.reply, { uri, mimeType: offer.mimeType });
    if (contents.length > 0) return { contents };
    return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify(turn.output) }] };
  } catch (error) {
    return refuseTurn(sdk, error);
  }
}

function isTemplate(offer: ResourceOffer): boolean {
  return offer.uri.includes("{");
}

function describe({ flow, offer }: Offered): { name: string; title?: string; description?: string; mimeType?: string } {
  const title = offer.title ?? flow.title;
  const description = offer.description ?? flow.description;
  return {
    name: offer.name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(offer.mimeType === undefined ? {} : { mimeType: offer.mimeType }),
  };
}
