import { once } from "node:events";
import type { IncomingHttpHeaders, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ProcessComponentHost } from "../../src/component/index.ts";
import { buildOwnWorld } from "../../src/component/testing/own-world.ts";
import { parseHttpRewrites } from "../../src/http/index.ts";
import type { TestRuntime } from "../../src/runner/runtime-fixture.ts";
import { makePack, openTestRuntime } from "../../src/runner/runtime-fixture.ts";
import type { SecretUse } from "../../src/secrets/index.ts";
import { watchedReader } from "../../src/secrets/index.ts";
import { memoryAuditLog } from "../../src/telemetry/index.ts";
import { DENY_ALL, isJsonObject } from "../../src/types/index.ts";
import { PassingWorld } from "../stand-ins/passing-world.ts";
import { verifies } from "../verifies.ts";

const SECRET = "sk-live-0123456789abcdef";
const API = "https://api.example.com";
const OTHER = "https://other.example.com";
const SOURCE = `
import { send } from "greentic:http/http-client@1.1.0";
import { get } from "greentic:secrets-store/secrets-store@1.1.0";
import { decodeUtf8 } from "@greentic/guest";
const acts: Record<string, (argument: any) => unknown> = {
  send: ({ url, headers = [] }) => {
    try {
      const { status, headers: back, body } = send({ method: "GET", url, headers, body: null }, null, null);
      return { status, headers: back, body: body === null ? null : decodeUtf8(body) };
    } catch (error) { return { refused: (error as any).payload.code }; }
  },
  read: (name) => { try { return { value: get(name) }; } catch (error) { return { refused: String((error as any).payload?.tag ?? (error as any).payload) }; } },
};`;
const GRANTS = `http = ["${API}", "${OTHER}"]
secrets = ["another"]
[[components."guest".grants.secret_headers]]
secret = "api_key"
header = "authorization"
format = "Bearer {secret}"
hosts = ["${API}"]`;
const FLOW = `id: default
type: job
start: call
nodes:
  call: { guest.execute: { act: "{{in.act}}", argument: "{{in.argument}}" }, routing: [{ to: end }] }
  end: { flow.return: { value: "{{call}}" } }
`;

const host = new ProcessComponentHost();
const asked: { readonly host: string; readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
let server: Server;
let rewrites: ReturnType<typeof parseHttpRewrites>;
let guest: Uint8Array;
beforeAll(async () => {
  server = createServer((request, response) => {
    const [, name = "", path = ""] = (request.url ?? "").split("/");
    asked.push({ host: name, path, headers: request.headers });
    const said = request.headers.authorization ?? "nothing";
    const echoed = { said, basic: Buffer.from(`user:${SECRET}`).toString("base64"), url: encodeURIComponent(said) };
    if (path === "redirect") response.writeHead(307, { location: `${OTHER}/there` }).end();
    else if (path === "echo") response.writeHead(200, { "x-echo": said }).end(JSON.stringify(echoed));
    else response.end(`hello ${request.headers.authorization === undefined}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  rewrites = parseHttpRewrites(`${API}=${at}/api,${OTHER}=${at}/other`, "test");
  const imports = ["greentic:http/http-client@1.1.0", "greentic:secrets-store/secrets-store@1.1.0"];
  guest = (await buildOwnWorld(imports, SOURCE)).bytes;
}, 120_000);
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => void asked.splice(0));

async function open(secret: string | undefined = SECRET): Promise<TestRuntime & { readonly reads: SecretUse[] }> {
  const reads: SecretUse[] = [];
  const source = {
    get: async (_ctx: unknown, _category: string, name: string) => (name === "api_key" ? secret : undefined),
  };
  const pack = await makePack({ flows: { default: FLOW }, components: { guest: GRANTS }, wasm: { guest } });
  const runtime = await openTestRuntime({
    world: new PassingWorld(),
    pack,
    components: host,
    http: { rewrites },
    secrets: watchedReader(source, { actor: "host", tell: (read) => reads.push(read) }),
    policy: () => ({ ...DENY_ALL, network: { egress: { origins: ["*"] }, privateAddresses: [] }, secrets: ["*"] }),
  });
  return Object.assign(runtime, { reads });
}

async function send(
  runtime: TestRuntime,
  argument: { readonly url: string; readonly headers?: readonly (readonly string[])[] },
) {
  const report = await runtime.say({ act: "send", argument: argument as never });
  expect(report.error).toBeUndefined();
  const output = report.output;
  if (output === undefined || !isJsonObject(output)) throw new TypeError("expected what the guest saw");
  return output;
}

test("a component's request carries the secret to its origin, and the component sees it nowhere", async () => {
  verifies("secrets.handles", "audit.secrets");
  const runtime = await open();
  expect(await send(runtime, { url: `${API}/plain` })).toMatchObject({ status: 200, body: "hello false" });
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${SECRET}`]);
  const shaped = [
    ["accept-encoding", "gzip"],
    ["range", "bytes=0-9"],
    ["x-own", "kept"],
  ];
  const echoed = await send(runtime, { url: `${API}/echo`, headers: shaped });
  expect(asked[1]?.headers).toMatchObject({ "accept-encoding": "identity", "x-own": "kept" });
  expect(asked[1]?.headers.range).toBeUndefined();
  const seen = JSON.stringify(echoed);
  expect(seen).toContain("[redacted]");
  for (const form of [
    SECRET,
    encodeURIComponent(SECRET),
    Buffer.from(`user:${SECRET}`).toString("base64").slice(8, 30),
  ])
    expect(seen).not.toContain(form);
  expect(runtime.reads.map(({ actor, address, outcome }) => [actor, address, outcome])).toContainEqual([
    "component:guest",
    "secrets://test/acme/_/app/api_key",
    "allowed",
  ]);
}, 60_000);

test("no other origin gets the secret, by a request or by a redirect", async () => {
  verifies("secrets.handles");
  const runtime = await open();
  expect(await send(runtime, { url: `${OTHER}/plain` })).toMatchObject({ body: "hello true" });
  expect(await send(runtime, { url: `${API}/redirect` })).toMatchObject({ status: 200, body: "hello true" });
  expect(asked.map(({ host, headers }) => [host, headers.authorization])).toEqual([
    ["other", undefined],
    ["api", `Bearer ${SECRET}`],
    ["other", undefined],
  ]);
}, 60_000);

test("a component that sets the header itself, or asks for the secret, is refused, and that is on record", async () => {
  verifies("secrets.handles", "audit.secrets");
  const audit = memoryAuditLog();
  const pack = await makePack({ flows: { default: FLOW }, components: { guest: GRANTS }, wasm: { guest } });
  const runtime = await openTestRuntime({
    world: new PassingWorld(),
    pack,
    components: host,
    http: { rewrites },
    audit,
    policy: () => ({ ...DENY_ALL, network: { egress: { origins: ["*"] }, privateAddresses: [] }, secrets: ["*"] }),
  });
  expect(await send(runtime, { url: `${API}/echo`, headers: [["Authorization", "Bearer mine"]] })).toEqual({
    refused: "denied",
  });
  expect(asked).toEqual([]);
  const report = await runtime.say({ act: "read", argument: "api_key" });
  expect(report.output).toEqual({ refused: "denied" });
  expect(audit.entries).toMatchObject([
    {
      actor: "component:guest",
      action: "secret.read",
      target: "secrets://test/acme/_/app/api_key",
      outcome: "denied",
      tenant: "acme",
    },
  ]);
}, 60_000);

test("a request whose secret is missing, or can't be a header, isn't sent", async () => {
  verifies("secrets.handles");
  for (const value of ["", "short", "line\nbreak-in-a-secret"])
    expect(await send(await open(value), { url: `${API}/plain` })).toHaveProperty("refused");
  const none = await openTestRuntime({
    world: new PassingWorld(),
    pack: await makePack({ flows: { default: FLOW }, components: { guest: GRANTS }, wasm: { guest } }),
    components: host,
    http: { rewrites },
    policy: () => ({ ...DENY_ALL, network: { egress: { origins: ["*"] }, privateAddresses: [] }, secrets: ["*"] }),
  });
  expect(await send(none, { url: `${API}/plain` })).toHaveProperty("refused");
  expect(asked).toEqual([]);
}, 60_000);
