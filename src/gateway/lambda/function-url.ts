import { request } from "node:http";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";

/** What a function answers to a URL's event, payload format 2.0. */
export interface FunctionAnswer extends JsonObject {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

const TIMEOUT_MS = 55_000;
/** What a function may answer at most, before it is encoded. */
const MAX_BYTES = 4 << 20;
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "content-length",
]);

/**
 * Serves an event of a function's URL by a host on this machine, byte for byte.
 * @throws GATEWAY_EVENT_INVALID where it isn't one
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
export function serveFunctionUrl(url: string, event: JsonValue): Promise<FunctionAnswer> {
  const { method, path, headers, body } = readEvent(event);
  const { hostname, port } = new URL(url);
  return new Promise((done, fail) => {
    const sent = request({ hostname, port, method, path, headers, timeout: TIMEOUT_MS }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.byteLength;
        if (size > MAX_BYTES) response.destroy(tooLarge());
        else parts.push(part);
      });
      response.on("error", fail);
      response.on("end", () => {
        const bytes = Buffer.concat(parts);
        done({
          statusCode: response.statusCode ?? 502,
          headers: Object.fromEntries(
            Object.entries(response.headers).flatMap(([name, value]) =>
              value === undefined || name === "set-cookie" || HOP_BY_HOP.has(name) ? [] : [[name, String(value)]],
            ),
          ),
          cookies: response.headers["set-cookie"] ?? [],
          body: bytes.toString("base64"),
          isBase64Encoded: true,
        });
      });
    });
    sent.on("error", fail);
    sent.on("timeout", () =>
      sent.destroy(new GreenticError("GATEWAY_EVENT_INVALID", "Serve event: the host took too long")),
    );
    sent.end(body);
  });
}

interface FunctionRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function readEvent(event: JsonValue): FunctionRequest {
  const root = isJsonObject(event) ? event : {};
  const context = root["requestContext"];
  const http = isJsonObject(context ?? null) ? (context as JsonObject)["http"] : undefined;
  const method = isJsonObject(http ?? null) ? (http as JsonObject)["method"] : undefined;
  const { rawPath, rawQueryString, headers, cookies, body, isBase64Encoded } = root;
  if (
    typeof method !== "string" ||
    !/^[A-Z]{1,16}$/.test(method) ||
    typeof rawPath !== "string" ||
    !/^\/[\u0021-\u007E]*$/.test(rawPath)
  )
    throw new GreenticError("GATEWAY_EVENT_INVALID", "Serve event: expected payload format 2.0 of a function's URL");
  const query =
    typeof rawQueryString === "string" && /^[\u0021-\u007E]+$/.test(rawQueryString) ? `?${rawQueryString}` : "";
  const given = isJsonObject(headers ?? null) ? Object.entries(headers as JsonObject) : [];
  const kept = given.filter(([name, value]) => typeof value === "string" && !HOP_BY_HOP.has(name.toLowerCase()));
  const jar = Array.isArray(cookies) ? cookies.filter((cookie) => typeof cookie === "string") : [];
  const text = typeof body === "string" ? body : "";
  return {
    method,
    path: `${rawPath}${query}`,
    headers: {
      ...(Object.fromEntries(kept) as Record<string, string>),
      ...(jar.length > 0 && { cookie: jar.join("; ") }),
      ...(text !== "" && {
        "content-length": String(Buffer.byteLength(text, isBase64Encoded === true ? "base64" : "utf8")),
      }),
    },
    body: Buffer.from(text, isBase64Encoded === true ? "base64" : "utf8"),
  };
}

function tooLarge(): GreenticError {
  return new GreenticError("GATEWAY_EVENT_INVALID", `Serve event: expected an answer of at most ${MAX_BYTES} bytes`);
}
