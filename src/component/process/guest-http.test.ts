import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendHttp } from "../../http/index.ts";
import type { HostServices } from "../host.ts";
import type { JsonValue } from "../../types/index.ts";
import { ALL_GRANTS, callOf, ctxOf, memoryServices } from "../testing/call-support.ts";
import { hostileGuest } from "../testing/hostile-guest.ts";
import { ProcessComponentHost } from "./process-host.ts";
import { verifies } from "../../../test/verifies.ts";

let host: ProcessComponentHost;
let sha256 = "";
let origin = "";
const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(request.url ?? "");
  response.end("canary");
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const guest = await hostileGuest();
  sha256 = guest.sha256;
  host = new ProcessComponentHost({ poolSize: 1 });
  await host.admit(guest.bytes, ALL_GRANTS);
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

async function ask(argument: JsonValue, privateAddresses: readonly string[] = []): Promise<unknown> {
  const services: HostServices = {
    ...memoryServices(),
    http: (_ctx, request) => sendHttp(request, { privateAddresses }),
  };
  const call = callOf(sha256, { act: "http", argument }, { services, grants: { ...ALL_GRANTS, http: [origin] } });
  const result = await host.invoke(ctxOf(), call);
  return result.kind === "ok" ? result.output : result.error;
}

test("a guest reaches no private address, though its origin is granted, unless the operator names the address", async () => {
  expect(await ask({ url: `${origin}/secret?token=t` })).toEqual({
    thrown: {
      code: "denied",
      message: `HTTP_ADDRESS_DENIED: Connect to "${origin}": address isn't public`,
    },
  });
  expect(seen).toEqual([]);
  expect(await ask({ url: `${origin}/x` }, ["127.0.0.1"])).toEqual({ status: 200, body: "canary" });
  expect(seen).toEqual(["/x"]);
});

test("a guest reaches no other origin, scheme or header line", async () => {
  verifies("security.network");
  const allowed = ["127.0.0.0/8"];
  expect(await ask({ url: "http://169.254.169.254/latest" }, allowed)).toMatchObject({ thrown: { code: "denied" } });
  expect(await ask({ url: "file:///etc/hostname" }, allowed)).toMatchObject({ thrown: { code: "invalid" } });
  const headers = [["x", "1\r\nhost: evil.test"]];
  expect(await ask({ url: `${origin}/y`, headers }, allowed)).toMatchObject({ thrown: { code: "invalid" } });
  expect(await ask({ url: `${origin}/y`, method: "CONNECT" }, allowed)).toMatchObject({ thrown: { code: "invalid" } });
  expect(seen).not.toContain("/y");
});
