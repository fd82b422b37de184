import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { request as plainRequest } from "node:http";
import type { RequestOptions } from "node:https";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { isLoopback } from "../../admin/index.ts";
import { GreenticError, exitCodeOf, quote } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";

const TIMEOUT_MS = 120_000;

export default defineCommand({
  summary: "Send one request to a host's admin API",
  arguments: [
    { name: "method", summary: "GET, POST, PUT or DELETE" },
    { name: "path", summary: "the path below /admin/v1, such as tenants/acme/sessions" },
  ],
  options: [
    { flags: "--url <url>", summary: "where the API is", default: "http://127.0.0.1:8081" },
    { flags: "--token-file <file>", summary: "the token (default: GREENTIC_ADMIN_TOKEN)" },
    { flags: "--body <json>", summary: "a JSON body" },
    { flags: "--file <file>", summary: "a body of bytes, such as a pack" },
    { flags: "--if-match <etag>", summary: "only where it is this version still" },
    { flags: "--ca <file>", summary: "who signs the API's certificate, PEM" },
    { flags: "--cert <file>", summary: "this client's certificate, PEM" },
    { flags: "--key <file>", summary: "the certificate's key, PEM" },
  ],
  examples: [
    "gtc admin request GET tenants/acme/sessions --token-file token",
    "gtc admin request POST tenants/acme/packs --file weather.gtpack --token-file token",
    'gtc admin request PUT tenants/acme/secrets/_/weather/api_key --body \'{"value":"…"}\' --token-file token',
  ],
  async run(input, io) {
    const [method = "", path = ""] = input.args;
    if (!["GET", "POST", "PUT", "DELETE"].includes(method.toUpperCase()))
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `Send request: expected GET, POST, PUT or DELETE, got ${quote(method)}`,
      );
    const url = urlOf(input, path);
    const { status, body } = await send(url, await optionsOf(input, io, method.toUpperCase()), await bodyOf(input, io));
    if (status >= 200 && status < 300) {
      io.stdout.write(body);
      if (body.byteLength > 0) io.stdout.write("\n");
      return 0;
    }
    io.stderr.write(`${status}\n`);
    io.stdout.write(body);
    io.stdout.write("\n");
    return exitCodeOf(KINDS[status] ?? (status >= 500 ? "unavailable" : "invalid_input"));
  },
});

const KINDS = { 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 429: "rate_limited" } as Readonly<
  Record<number, "unauthenticated" | "permission_denied" | "not_found" | "rate_limited">
>;

/** @throws CLI_USAGE_INVALID where a token would travel in the clear */
function urlOf(input: CommandInput, path: string): URL {
  const base = textOption(input, "url") ?? "";
  const url = URL.parse(`${base.replace(/\/$/, "")}/admin/v1/${path.replace(/^\/?(?:admin\/v1\/)?/, "")}`);
  const name = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (url === null || (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(name))))
    throw new GreenticError(
      "CLI_USAGE_INVALID",
      `Read --url: expected https, or http to this machine, got ${quote(base)}`,
    );
  return url;
}

async function optionsOf(input: CommandInput, io: CommandIo, method: string): Promise<RequestOptions> {
  const file = async (name: string): Promise<Uint8Array | undefined> => {
    const path = textOption(input, name);
    return path === undefined ? undefined : readInputFile(io, path);
  };
  const tokenFile = textOption(input, "tokenFile");
  const token =
    tokenFile === undefined
      ? io.environment["GREENTIC_ADMIN_TOKEN"]
      : (await readFile(resolve(io.cwd, tokenFile), "utf8").catch(() => "")).trim();
  const [ca, cert, key] = [await file("ca"), await file("cert"), await file("key")];
  const tag = textOption(input, "ifMatch");
  return {
    method,
    timeout: TIMEOUT_MS,
    headers: {
      accept: "application/json",
      ...(token !== undefined && token !== "" && { authorization: `Bearer ${token}` }),
      ...(tag !== undefined && { "if-match": tag }),
      ...(textOption(input, "body") !== undefined && { "content-type": "application/json" }),
      ...(textOption(input, "file") !== undefined && { "content-type": "application/octet-stream" }),
    },
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
}

async function bodyOf(input: CommandInput, io: CommandIo): Promise<Uint8Array | undefined> {
  const file = textOption(input, "file");
  const text = textOption(input, "body");
  if (file !== undefined) return readInputFile(io, file);
  return text === undefined ? undefined : Buffer.from(text);
}

async function send(
  url: URL,
  options: RequestOptions,
  body: Uint8Array | undefined,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  try {
    const answer = await new Promise<IncomingMessage>((done, fail) => {
      const sent = (url.protocol === "https:" ? request : plainRequest)(url, options, done);
      sent.on("error", fail);
      sent.on("timeout", () => sent.destroy(new Error("timeout")));
      sent.end(body);
    });
    return { status: answer.statusCode ?? 0, body: await buffer(answer) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "no answer";
    throw new GreenticError("ADMIN_ADDRESS_UNAVAILABLE", `Ask ${quote(url.origin)}: ${quote(code)}`, { cause: error });
  }
}
