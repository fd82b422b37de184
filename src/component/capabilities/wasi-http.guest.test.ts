import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { sendHttp } from "../../http/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import { ProcessComponentHost } from "../process/process-host.ts";
import type { HostFunction } from "../linker/index.ts";
import { createWasi } from "../linker/index.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { buildOwnWorld } from "../testing/own-world.ts";
import { bindWasiHttp } from "./http/wasi-bind.ts";

const IMPORTS = [
  "wasi:http/types@0.2.12",
  "wasi:http/outgoing-handler@0.2.12",
  "wasi:io/poll@0.2.12",
  "wasi:io/streams@0.2.12",
];
const SOURCE = `
import { Fields, OutgoingRequest, OutgoingBody, RequestOptions, IncomingBody } from "wasi:http/types@0.2.12";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { poll } from "wasi:io/poll@0.2.12";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";

function send({ authority, path = "/", scheme = "HTTP", method = "get", headers = [], body, timeoutNs, early }: any) {
  const request = new OutgoingRequest(Fields.fromList(headers.map(([name, value]: any) => [name, encodeUtf8(value)])));
  request.setMethod({ tag: method });
  request.setScheme({ tag: scheme });
  request.setAuthority(authority);
  request.setPathWithQuery(path);
  const options = timeoutNs === undefined ? null : new RequestOptions();
  options?.setFirstByteTimeout(timeoutNs);
  let future;
  if (body === undefined) future = handle(request, options);
  else {
    const outgoing = request.body();
    if (early) future = handle(request, options);
    const stream = outgoing.write();
    for (let at = 0; at < body.length; at += 4096) stream.blockingWriteAndFlush(encodeUtf8(body.slice(at, at + 4096)));
    OutgoingBody.finish(outgoing, null);
    future ??= handle(request, options);
  }
  const pending = future.get();
  const pollable = future.subscribe();
  poll([pollable]);
  const answer = future.get();
  const again = future.get();
  if (answer.tag === "err" || answer.val.tag === "err") return { error: answer.val?.val ?? answer };
  const response = answer.val.val;
  const incoming = response.consume();
  const input = incoming.stream();
  let text = "";
  for (;;) {
    try { text += decodeUtf8(input.blockingRead(1000)); } catch (error) {
      if ((error as any).payload.tag === "closed") break;
      throw error;
    }
  }
  const trailers = IncomingBody.finish(incoming);
  return {
    wasPending: pending === null || pending === undefined,
    again: again.tag,
    status: response.status(),
    type: decodeUtf8(response.headers().get("content-type")[0] ?? []),
    frozen: thrown(() => response.headers().append("a", encodeUtf8("b"))),
    trailers: trailers.get().val.tag,
    text,
  };
}
const acts: Record<string, (argument: any) => unknown> = {
  send: (argument) => thrown(() => send(argument)),
  many: (count) => { const all = []; for (let index = 0; index < count; index++) all.push(new Fields()); return all.length; },
  bomb: () => {
    const fields = new Fields();
    let count = 0;
    const problem = thrown(() => { for (;;) { fields.append("x", encodeUtf8("y".repeat(100))); count++; } });
    const copies = []; for (let index = 0; index < 5000; index++) copies.push(fields.clone());
    return [count, problem, copies.length];
  },
  names: (names) => names.map((name: string) => thrown(() => { new Fields().append(name, encodeUtf8("v")); return "ok"; })),
  values: (values) => values.map((value: string) => thrown(() => { new Fields().append("x", encodeUtf8(value)); return "ok"; })),
  fill: () => thrown(() => {
    const request = new OutgoingRequest(new Fields());
    request.setAuthority("127.0.0.1");
    const outgoing = request.body();
    const stream = outgoing.write();
    for (let n = 0; ; n++) stream.writeZeroes(65536);
  }),
};`;

let host: ProcessComponentHost;
let sha256 = "";
let authority = "";
const seen: {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (request.url === "/slow") return;
    if (request.url === "/moved") response.writeHead(302, { location: "/", "content-type": "text/moved" });
    else response.writeHead(201, { "content-type": "text/plain" });
    response.end(request.url === "/large" ? "x".repeat(5000) : `got ${body.length}`);
  });
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const guest = await buildOwnWorld(IMPORTS, SOURCE);
  sha256 = guest.sha256;
  host = new ProcessComponentHost({ poolSize: 1 });
  // Without a grant it is admitted all the same.
  await host.admit(guest.bytes, NO_GRANTS);
}, 60_000);
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

async function call(
  act: string,
  argument: JsonValue = null,
  http: readonly string[] = [`http://${authority}`],
): Promise<unknown> {
  const result = await host.invoke(ctxOf(), {
    sha256,
    component: "guest",
    operation: "execute",
    input: { content: JSON.stringify({ act, argument }) },
    grants: { ...NO_GRANTS, http },
    services: {
      ...memoryServices(),
      http: (_ctx, request) => sendHttp(request, { privateAddresses: ["127.0.0.1"] }),
    },
    timeoutMs: 8000,
  });
  return result.kind === "ok" ? result.output : result.error;
}
const send = (argument: Readonly<Record<string, JsonValue>>, http?: readonly string[]): Promise<unknown> =>
  call("send", { authority, ...argument }, http);

test("a request goes out and its answer is read, body and headers", async () => {
  seen.length = 0;
  expect(
    await send({
      path: "/a?b=1",
      headers: [
        ["X-Own", "ä"],
        ["content-length", "999"],
      ],
    }),
  ).toEqual({
    wasPending: true,
    again: "err",
    status: 201,
    type: "text/plain",
    frozen: { thrown: { tag: "immutable" } },
    trailers: "ok",
    text: "got 0",
  });
  expect(seen).toMatchObject([
    { method: "GET", url: "/a?b=1", headers: { "x-own": Buffer.from("ä").toString("latin1") } },
  ]);
  expect(await send({ path: "/large" })).toMatchObject({ text: "x".repeat(5000) });
});

test.each([false, true])(
  "a body is sent whole when it is finished, handed over before it was written: %s",
  async (early) => {
    seen.length = 0;
    expect(await send({ method: "post", body: "b".repeat(10_000), early })).toMatchObject({
      status: 201,
      text: "got 10000",
    });
    expect(seen).toMatchObject([{ method: "POST", body: "b".repeat(10_000) }]);
  },
);

test("a body that was dropped unfinished is no request", async () => {
  const asked: unknown[] = [];
  const func = (name: string): HostFunction => {
    const found = bindWasiHttp({ instance: `wasi:http/${name.split("#")[0]}@0.2.3`, name: name.split("#")[1] ?? "" });
    if (found === undefined) throw new RangeError(`no ${name}`);
    return found;
  };
  using wasi = createWasi({ nowMs: Date.now, randomBytes: (count) => new Uint8Array(count) });
  const state = { wasi, note: () => undefined, ask: async (request: unknown) => void asked.push(request) };
  const ask = (name: string, ...args: readonly unknown[]): unknown => func(name).call(state, args);
  const request = ask("types#[constructor]outgoing-request", ask("types#[constructor]fields"));
  ask("types#[method]outgoing-request.set-authority", request, "a.test");
  const body = ask("types#[method]outgoing-request.body", request) as Disposable;
  const future = ask("outgoing-handler#handle", request, undefined) as { readonly done: Promise<unknown> };
  expect(ask("types#[method]future-incoming-response.get", future)).toBeUndefined();
  body[Symbol.dispose]();
  await future.done;
  const refusal = { tag: "err", val: { tag: "HTTP-protocol-error" } };
  expect(ask("types#[method]future-incoming-response.get", future)).toEqual({ tag: "ok", val: refusal });
  expect(ask("types#[method]future-incoming-response.get", future)).toEqual({ tag: "err" });
  expect(asked).toEqual([]);
});

test("redirects are the guest's to follow", async () => {
  expect(await send({ path: "/moved" })).toMatchObject({ status: 302, type: "text/moved" });
});

test("nothing leaves without a grant, nor to another origin, nor past the request's time", async () => {
  verifies("component.wasi-http");
  seen.length = 0;
  const denied = { error: { tag: "HTTP-request-denied" } };
  expect(await send({}, [])).toEqual(denied);
  expect(await send({}, ["https://api.example.com"])).toEqual(denied);
  expect(await send({ scheme: "HTTPS" })).toEqual(denied);
  expect(await send({ authority: "169.254.169.254" })).toEqual(denied);
  expect(await send({ method: "connect" })).toEqual({ error: { tag: "HTTP-request-method-invalid" } });
  expect(seen).toEqual([]);
  expect(await send({ path: "/slow", timeoutNs: 50_000_000 })).toEqual({ error: { tag: "HTTP-response-timeout" } });
});

test("authority and path can't be more than they are", async () => {
  for (const wrong of ["a@127.0.0.1", "127.0.0.1/x", "127.0.0.1#", "127.0.0.1\\x", "127.0.0.1 ", ""]) {
    expect(await send({ authority: wrong })).toHaveProperty("thrown");
  }
  for (const path of ["x", "/a#b", "/a b", "/a\r\nhost: evil", "/\\evil"]) {
    expect(await send({ path })).toHaveProperty("thrown");
  }
});

test("headers are bounded, well formed and not the connection's", async () => {
  const forbidden = { thrown: { tag: "forbidden" } };
  const invalid = { thrown: { tag: "invalid-syntax" } };
  expect(await call("names", ["x-a", "Host", "transfer-encoding", "a b", "", "x".repeat(70_000)])).toEqual([
    "ok",
    forbidden,
    forbidden,
    invalid,
    invalid,
    invalid,
  ]);
  expect(await call("values", ["ok", "a\r\nb: c", "\u0000", "x".repeat(70_000)])).toEqual([
    "ok",
    invalid,
    invalid,
    forbidden,
  ]);
  expect(await call("bomb")).toEqual([256, forbidden, 5000]);
});

test("handles and bodies have an end", async () => {
  expect(await call("many", 20_000)).toMatchObject({ code: "COMPONENT_TRAPPED", details: { reason: "handle" } });
  expect(await call("fill")).toMatchObject({ thrown: { tag: "last-operation-failed" } });
});
