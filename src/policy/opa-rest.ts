import { readFile } from "node:fs/promises";
import { sendHttp } from "../http/index.ts";
import type { JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { AskOpa } from "./opa.ts";

/** The operator names the server, so wherever it is it may be reached. */
const ANYWHERE = ["0.0.0.0/0", "::/0"];
const MAX_BYTES = 64 << 10;

/** Asks a server by OPA's data API: `POST /v1/data/<path>` with `{ input }` gives `{ result }`. @see https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input */
export function createOpaRest({ url, tokenFile }: { readonly url: string; readonly tokenFile?: string }): AskOpa {
  const origin = new URL(url).origin;
  return async (input, signal) => {
    const headers: [string, string][] = [["content-type", "application/json"]];
    // Read each time: tokens rotate.
    if (tokenFile !== undefined)
      headers.push(["authorization", `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`]);
    const answer = await sendHttp(
      {
        method: "POST",
        url,
        headers,
        body: Buffer.from(JSON.stringify({ input })),
        origins: [origin],
        followRedirects: false,
      },
      { privateAddresses: ANYWHERE, maxResponseBytes: MAX_BYTES, signal },
    );
    if (answer.status !== 200)
      throw new GreenticError("HTTP_UNAVAILABLE", `Ask OPA: expected status 200, got ${answer.status}`);
    const document: JsonValue = parseJson(answer.body);
    return isJsonObject(document) ? document["result"] : undefined;
  };
}
