import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { GreenticError } from "../types/index.ts";
import type { HttpRequest } from "./http-message.ts";
import type { HttpOptions } from "./send-http.ts";
import { openHttp, sendHttp } from "./send-http.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let port = 0;
let seen: IncomingMessage[] = [];
const routes: Record<string, Handler> = {
  "/plain": (_, response) => response.end("hello"),
  "/echo": (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () =>
      response.end(
        JSON.stringify({ method: request.method, headers: request.headers, body: Buffer.concat(chunks).toString() }),
      ),
    );
  },
  "/big": (_, response) => response.end(Buffer.alloc(100_000)),
  "/silent": () => undefined,
  "/broken": (request) => request.socket.destroy(),
  "/see-other": (_, response) => response.writeHead(303, { location: "/echo" }).end(),
  "/permanent": (_, response) => response.writeHead(308, { location: "/echo" }).end(),
  "/loop": (_, response) => response.writeHead(302, { location: "/loop" }).end(),
  "/to-metadata": (_, response) => response.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
  "/to-file": (_, response) => response.writeHead(302, { location: "file:///etc/hostname" }).end(),
  "/elsewhere": (_, response) => response.writeHead(307, { location: `http://other.test:${port}/echo` }).end(),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(request);
    routes[new URL(request.url ?? "/", "http://x").pathname]?.(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const base = (): string => `http://api.test:${port}`;
const LOOPBACK: HttpOptions = { privateAddresses: ["127.0.0.0/8"], resolve: () => Promise.resolve(["127.0.0.1"]) };
const send = (path: string, extra: Partial<HttpRequest> = {}, options: HttpOptions = LOOPBACK) =>
  sendHttp({ method: "GET", url: `${base()}${path}`, headers: [], origins: [base()], ...extra }, options);
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "sent",
    (error: { code?: string }) => error.code,
  );
const json = (body: Uint8Array): unknown => JSON.parse(Buffer.from(body).toString());

describe("sendHttp()", () => {
  test("sends a request and hands the response back", async () => {
    const response = await send("/plain");
    expect(response.status).toBe(200);
    expect(Buffer.from(response.body).toString()).toBe("hello");
    const echo = await send("/echo", {
      method: "post",
      headers: [
        ["X-One", "1"],
        ["Host", "evil.test"],
        ["Transfer-Encoding", "chunked"],
      ],
      body: Buffer.from("body"),
    });
    expect(json(echo.body)).toMatchObject({
      method: "POST",
      headers: { "x-one": "1", host: `api.test:${port}`, "content-length": "4" },
      body: "body",
    });
  });

  test("denies origins that aren't granted, before it resolves anything", async () => {
    seen = [];
    expect(await codeOf(send("/plain", { origins: [] }))).toBe("HTTP_ORIGIN_DENIED");
    expect(await codeOf(send("/plain", { origins: [`https://api.test:${port}`] }))).toBe("HTTP_ORIGIN_DENIED");
    expect(seen).toEqual([]);
  });

  test.each(["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])(
    "denies the loopback address written as %s though its origin is granted",
    async (host) => {
      const url = `http://${host}:${port}`;
      const request = { method: "GET", url: `${url}/plain`, headers: [], origins: [url] };
      expect(await codeOf(sendHttp(request))).toBe("HTTP_ADDRESS_DENIED");
    },
  );

  test("denies a host of which any address is private", async () => {
    const resolve = (): Promise<string[]> => Promise.resolve(["8.8.8.8", "10.0.0.1"]);
    expect(await codeOf(send("/plain", {}, { resolve }))).toBe("HTTP_ADDRESS_DENIED");
  });

  test("connects to the address that it checked and asks for no second one", async () => {
    let asked = 0;
    const resolve = (): Promise<string[]> => Promise.resolve([asked++ === 0 ? "127.0.0.1" : "127.0.0.2"]);
    expect((await send("/plain", {}, { ...LOOPBACK, resolve })).status).toBe(200);
    expect(asked).toBe(1);
  });

  test("doesn't lend a kept connection to a request that may not reach its address", async () => {
    await send("/plain");
    expect(await codeOf(send("/plain", {}, { resolve: LOOPBACK.resolve! }))).toBe("HTTP_ADDRESS_DENIED");
  });

  test("judges every redirect like the first URL", async () => {
    expect(await codeOf(send("/to-metadata"))).toBe("HTTP_ORIGIN_DENIED");
    expect(await codeOf(send("/to-metadata", { origins: [base(), "http://169.254.169.254"] }))).toBe(
      "HTTP_ADDRESS_DENIED",
    );
    expect(await codeOf(send("/to-file"))).toBe("HTTP_REDIRECT_INVALID");
    expect(await codeOf(send("/loop"))).toBe("HTTP_REDIRECT_INVALID");
    expect((await send("/loop", { followRedirects: false })).status).toBe(302);
  });

  test("asks whoever judges about every hop before anything is sent there", async () => {
    verifies("policy.network");
    const asked: string[] = [];
    seen = [];
    const judge: HttpOptions["judge"] = ({ url, method }) => {
      asked.push(`${method} ${url.hostname}`);
      if (url.hostname === "other.test") throw new GreenticError("POLICY_DENIED", "Judge: denied");
    };
    const origins = [base(), `http://other.test:${port}`];
    expect(await codeOf(send("/elsewhere", { origins }, { ...LOOPBACK, judge }))).toBe("POLICY_DENIED");
    expect(asked).toEqual(["GET api.test", "GET other.test"]);
    expect(seen.map(({ headers }) => headers.host)).toEqual([`api.test:${port}`]);
  });

  test("keeps method and body where the redirect asks for it, and drops credentials across origins", async () => {
    const body = Buffer.from("x");
    const headers = [["authorization", "Bearer t"]] as const;
    expect(json((await send("/see-other", { method: "POST", body })).body)).toMatchObject({ method: "GET", body: "" });
    const same = json((await send("/permanent", { method: "POST", body, headers })).body);
    expect(same).toMatchObject({ method: "POST", body: "x", headers: { authorization: "Bearer t" } });
    const origins = [base(), `http://other.test:${port}`];
    const other = json(
      (await send("/elsewhere", { origins, headers: [...headers, ["x-api-key", "k"], ["accept", "a/b"]] })).body,
    ) as { headers: object };
    expect(other.headers).toMatchObject({ accept: "a/b", host: `other.test:${port}` });
    expect(other.headers).not.toHaveProperty("authorization");
    expect(other.headers).not.toHaveProperty("x-api-key");
  });

  test("bounds response, request and time", async () => {
    expect(await codeOf(send("/big", {}, { ...LOOPBACK, maxResponseBytes: 99_999 }))).toBe("HTTP_RESPONSE_TOO_LARGE");
    expect((await send("/big", {}, { ...LOOPBACK, maxResponseBytes: 100_000 })).body.byteLength).toBe(100_000);
    const body = Buffer.alloc(11);
    expect(await codeOf(send("/echo", { method: "POST", body }, { ...LOOPBACK, maxRequestBytes: 10 }))).toBe(
      "HTTP_REQUEST_TOO_LARGE",
    );
    expect(await codeOf(send("/silent", { timeoutMs: 20 }))).toBe("HTTP_TIMEOUT");
    const resolve = (): Promise<never> => new Promise(() => undefined);
    expect(await codeOf(send("/plain", { timeoutMs: 20 }, { resolve }))).toBe("HTTP_TIMEOUT");
  });

  test.each<[string, Partial<HttpRequest>]>([
    ["HTTP_HEADER_INVALID", { headers: [["x", "a\r\nhost: evil"]] }],
    ["HTTP_HEADER_INVALID", { headers: [["x\r\ny", "a"]] }],
    ["HTTP_HEADER_INVALID", { headers: [["x", "a".repeat(20_000)]] }],
    ["HTTP_METHOD_INVALID", { method: "CONNECT" }],
    ["HTTP_METHOD_INVALID", { method: "GET / HTTP/1.1\r\n" }],
    ["HTTP_URL_INVALID", { url: "file:///etc/hostname" }],
    ["HTTP_URL_INVALID", { url: "data:text/plain,x" }],
    ["HTTP_URL_INVALID", { url: "http://user:word@api.test/" }],
    ["HTTP_URL_INVALID", { url: "/relative" }],
  ])("refuses with %s what no request may have", async (code, extra) => {
    expect(await codeOf(send("/plain", extra))).toBe(code);
  });

  test("hands a stream on while it arrives, and closes it when nobody reads on", async () => {
    const closed = Promise.withResolvers<void>();
    routes["/events"] = (request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      request.socket.once("close", () => closed.resolve());
    };
    const request = { method: "GET", url: `${base()}/events`, headers: [], origins: [base()], timeoutMs: 5_000 };
    const { status, headers, body } = await openHttp(request, LOOPBACK);
    expect([status, new Map(headers).get("content-type")]).toEqual([200, "text/event-stream"]);
    const reader = body.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: 1\n\n");
    await reader.cancel();
    await closed.promise;
  });

  test("bounds a stream, and ends it with its signal", async () => {
    const request = { method: "GET", headers: [], origins: [base()] };
    const big = await openHttp({ ...request, url: `${base()}/big` }, { ...LOOPBACK, maxResponseBytes: 99_999 });
    expect(await codeOf(new Response(big.body).arrayBuffer())).toBe("HTTP_RESPONSE_TOO_LARGE");
    const stop = new AbortController();
    const open = await openHttp({ ...request, url: `${base()}/events` }, { ...LOOPBACK, signal: stop.signal });
    const read = new Response(open.body).arrayBuffer();
    stop.abort();
    expect(await codeOf(read)).toBe("HTTP_UNAVAILABLE");
    expect(await codeOf(openHttp({ ...request, url: `${base()}/silent`, timeoutMs: 20 }, LOOPBACK))).toBe(
      "HTTP_TIMEOUT",
    );
    expect(await codeOf(openHttp({ ...request, url: `${base()}/to-metadata` }, LOOPBACK))).toBe("HTTP_ORIGIN_DENIED");
  });

  test("says nothing of paths, queries and passwords", async () => {
    const secret = "s3cr3t";
    const urls = [
      `http://u:${secret}@api.test/`,
      `${base()}/${secret}?token=${secret}`,
      `${base()}/broken?token=${secret}`,
    ];
    for (const url of urls) {
      const error = await send("", { url, timeoutMs: 50 }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).not.toContain(secret);
    }
    expect(await codeOf(send("/broken"))).toBe("HTTP_UNAVAILABLE");
  });

  test("rewrites after the original URL was judged", async () => {
    const rewrites = [{ from: new URL("https://real.example"), to: new URL(`http://127.0.0.1:${port}`) }];
    const request = { url: "https://real.example/plain", origins: ["https://real.example"] };
    expect((await send("", request, { rewrites })).status).toBe(200);
    expect(await codeOf(send("", { ...request, origins: [] }, { rewrites }))).toBe("HTTP_ORIGIN_DENIED");
  });
});

describe("sendHttp() with a body that is read while it is sent", () => {
  const streamOf = (
    pieces: readonly string[],
    sizeBytes = pieces.join("").length,
  ): NonNullable<HttpRequest["stream"]> => ({
    sizeBytes,
    read: async function* () {
      for (const piece of pieces) yield Buffer.from(piece);
    },
  });

  test("sends it with its length, and again after a redirect that wants it", async () => {
    const request = { method: "POST", stream: streamOf(["one ", "two"]) };
    const echo = await send("/echo", request);
    expect(json(echo.body)).toMatchObject({ body: "one two", headers: { "content-length": "7" } });
    expect(json((await send("/permanent", request)).body)).toMatchObject({ body: "one two" });
  });

  test("breaks off where it isn't as long as it said, so that it never looks whole", async () => {
    for (const sizeBytes of [3, 100]) {
      const request = { method: "POST", stream: streamOf(["one ", "two"], sizeBytes) };
      expect(await codeOf(send("/echo", request))).toBe("HTTP_UNAVAILABLE");
    }
    const large = { method: "POST", stream: streamOf(["one"], 1 << 30) };
    expect(await codeOf(send("/echo", large))).toBe("HTTP_REQUEST_TOO_LARGE");
  });
});
