import type { Attachment, JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { NodeCall } from "./kind.ts";
import { text } from "./kind.ts";

/** What travels in a message's own bytes: larger files are something to link to. */
const MAX_ASSET_BYTES = 524_288;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  svg: "image/svg+xml",
  webp: "image/webp",
  wav: "audio/wav",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  mp4: "video/mp4",
  pdf: "application/pdf",
  json: "application/json",
  csv: "text/csv",
  txt: "text/plain",
  md: "text/markdown",
};

/** JSON Schema of a message's attachments. */
export const ATTACHMENTS_SCHEMA: JsonObject = {
  type: ["array", "null"],
  items: {
    type: "object",
    description:
      "A file by `url`, by `content` (text or JSON), or of the pack by `asset`, which goes along in the message.",
    properties: {
      mime_type: { type: "string", description: "For assets default by the name's ending" },
      url: { type: "string" },
      content: {},
      asset: { type: "string" },
      name: { type: "string" },
    },
  },
};

/** Reads a message's attachments; assets of the pack become data: URLs. @throws RUNNER_ASSET_MISSING, RUNNER_INPUT_INVALID */
export function readAttachments(value: JsonValue | undefined, call: NodeCall): readonly Attachment[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return (value as readonly JsonValue[]).map((item) => {
    const asset = isJsonObject(item) ? text(item["asset"]) : undefined;
    return asset === undefined ? (item as unknown as Attachment) : ofAsset(item as JsonObject, asset, call);
  });
}

function ofAsset(item: JsonObject, path: string, call: NodeCall): Attachment {
  const bytes = call.pack.asset(path);
  if (bytes === undefined)
    throw new GreenticError("RUNNER_ASSET_MISSING", `Attach asset ${quote(path)}: the pack has none there`);
  if (bytes.byteLength > MAX_ASSET_BYTES)
    throw new GreenticError(
      "RUNNER_INPUT_INVALID",
      `Attach asset ${quote(path)}: expected at most ${MAX_ASSET_BYTES} bytes, got ${bytes.byteLength}`,
    );
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const type = text(item["mime_type"]) ?? MEDIA_TYPES[ending] ?? "application/octet-stream";
  return {
    mime_type: type,
    url: `data:${type};base64,${Buffer.from(bytes).toString("base64")}`,
    name: text(item["name"]) ?? path.slice(path.lastIndexOf("/") + 1),
    size_bytes: bytes.byteLength,
  };
}
