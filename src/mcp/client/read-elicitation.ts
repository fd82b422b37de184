import type { ElicitRequest } from "@modelcontextprotocol/client";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { Elicitation } from "../elicitation.ts";

/** What a server asks; undefined for modes that came later and for pages that no browser should open. */
export function readElicitation(params: ElicitRequest["params"]): Elicitation | undefined {
  const asked = params as unknown as {
    readonly mode?: string;
    readonly message: string;
    readonly url?: string;
    readonly requestedSchema?: JsonValue;
  };
  if (asked.mode === "url") {
    const url = URL.parse(asked.url ?? "");
    if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
    return { mode: "url", message: asked.message, url: url.href };
  }
  const schema = asked.requestedSchema;
  if ((asked.mode ?? "form") !== "form" || typeof schema !== "object" || schema === null) return undefined;
  return { mode: "form", message: asked.message, schema: schema as JsonObject };
}
