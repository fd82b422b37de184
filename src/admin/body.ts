import { GreenticError, parseJson } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { RouteBody } from "./route.ts";

/** JSON bodies name things; none is long. */
const MAX_JSON_BYTES = 128 << 10;

/** Reads a request's body as its route wants it, within bounds. @throws ADMIN_BODY_…, TYPES_JSON_… */
export async function readBody(
  request: Request,
  body: RouteBody,
): Promise<{ readonly json?: JsonValue; readonly bytes?: Uint8Array }> {
  const mediaType = body.kind === "json" ? "application/json" : body.mediaType;
  const given = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (given !== mediaType || request.headers.has("content-encoding"))
    throw new GreenticError("ADMIN_BODY_UNSUPPORTED", `Read body: expected ${mediaType}, not compressed`);
  const bytes = await readBytes(request, body.kind === "json" ? MAX_JSON_BYTES : body.maxBytes);
  return body.kind === "json" ? { json: parseJson(bytes, { maxBytes: MAX_JSON_BYTES, maxDepth: 16 }) } : { bytes };
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): GreenticError =>
    new GreenticError("ADMIN_BODY_TOO_LARGE", `Read body: expected at most ${maxBytes} bytes, got more`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof GreenticError) throw error;
    throw new GreenticError("ADMIN_BODY_INCOMPLETE", "Read body: the connection ended", { cause: error });
  }
  return Buffer.concat(chunks);
}
