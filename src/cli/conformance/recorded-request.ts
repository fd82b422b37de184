import { basename } from "node:path";
import type { RecordedRequest } from "../../conformance/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { textOption } from "../command.ts";
import { readInputFile } from "../files.ts";

/**
 * Reads a request that a platform made: `{ method?, url?, headers?, body or body_b64, at?, signs_body? }`; `body` is a text, or JSON that
 * is written without spaces. @throws CLI_FILE_MISSING, CLI_USAGE_INVALID
 */
export async function readRecordedRequest(io: CommandIo, file: string): Promise<RecordedRequest> {
  const recorded = await readObject(io, file);
  const {
    method = "POST",
    url = "/",
    headers = {},
    body = "",
    body_b64: encoded,
    at,
    signs_body: signsBody,
  } = recorded;
  const atMs = typeof at === "string" ? Date.parse(at) : undefined;
  const isUsable =
    typeof method === "string" && typeof url === "string" && isTexts(headers) && !Number.isNaN(atMs ?? 0);
  if (!isUsable || (at !== undefined && atMs === undefined))
    throw unusable(file, "a request with texts for method, url, headers, body and at");
  return {
    name: basename(file, ".json"),
    method,
    url,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body:
      typeof encoded === "string"
        ? Buffer.from(encoded, "base64")
        : Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    ...(atMs !== undefined && { atMs }),
    ...(signsBody === false && { signsBody }),
  };
}

/** Reads the file of `--secrets`; none where it isn't given. @throws CLI_FILE_MISSING, CLI_USAGE_INVALID */
export async function readSecrets(input: CommandInput, io: CommandIo): Promise<Readonly<Record<string, string>>> {
  const file = textOption(input, "secrets");
  const secrets = file === undefined ? {} : await readObject(io, file);
  if (!isTexts(secrets)) throw unusable(file ?? "", "an object of texts");
  return secrets;
}

async function readObject(io: CommandIo, file: string): Promise<JsonObject> {
  let value: JsonValue = null;
  const bytes = await readInputFile(io, file);
  try {
    value = parseJson(bytes);
  } catch {
    // What it holds may be a secret: the message says what is expected alone.
  }
  if (!isJsonObject(value)) throw unusable(file, "a JSON object");
  return value;
}

function isTexts(value: JsonValue): value is Readonly<Record<string, string>> {
  return isJsonObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function unusable(file: string, expected: string): GreenticError {
  return new GreenticError("CLI_USAGE_INVALID", `Read ${quote(file)}: expected ${expected}`);
}
