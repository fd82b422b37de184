import { expect, test } from "vitest";
import { tenantId } from "../types/index.ts";
import { ENV, makePack, openTestRuntime, TENANT } from "./runtime-fixture.ts";

const FLOW = `
id: main
type: messaging
start: tell
nodes:
  tell: { message.send: { text: "hi" }, routing: out }
`;
const pack = await makePack({
  name: "shop",
  flows: { main: FLOW },
  assets: {
    "web/index.html": "<p>hi",
    "web/a-b.js": "1",
    "web/sub/index.html": "<p>sub",
    "secret.txt": "not for the web",
  },
});
const scope = { env: ENV, tenant: TENANT };

test("webFile() shows what lies below a pack's assets/web, and nothing else of it", async () => {
  await using host = await openTestRuntime({ pack });
  const at = (path: string): string | undefined => {
    const found = host.runtime.webFile(scope, path);
    return found?.kind === "file" ? `${found.mediaType} ${Buffer.from(found.bytes).toString()}` : found?.kind;
  };
  expect(at("/v1/web/shop/acme")).toBe("folder");
  expect(at("/v1/web/shop/acme/")).toBe("text/html <p>hi");
  expect(at("/v1/web/shop/acme/index.html")).toBe("text/html <p>hi");
  expect(at("/v1/web/shop/acme/a%2Db.js")).toBe("text/javascript 1");
  expect(at("/v1/web/shop/acme/sub/")).toBe("text/html <p>sub");
  for (const path of [
    "/v1/web/shop/acme/missing",
    "/v1/web/shop/acme/../secret.txt",
    "/v1/web/shop/acme/..%2fsecret.txt",
    "/v1/web/shop/acme/%2e%2e/secret.txt",
    "/v1/web/shop/acme/%E0%A4%A",
    "/v1/web/shop/acme/%00",
    "/v1/web/shop/globex/",
    "/v1/web/other/acme/",
    "/v1/web/shop",
  ])
    expect([path, at(path)]).toEqual([path, undefined]);
  expect(host.runtime.webFile({ env: ENV, tenant: tenantId("globex") }, "/v1/web/shop/globex/")).toBeUndefined();
});

test("webFile() follows a public pack's static routes: its folder, its index, its fallback for paths without an ending", async () => {
  const route = {
    publicPath: "/v1/web/chat/{tenant}",
    sourceRoot: "assets/web",
    indexFile: "index.html",
    spaFallback: "index.html",
  };
  const elsewhere = { publicPath: "/healthz", sourceRoot: "assets", indexFile: undefined, spaFallback: undefined };
  const extensions = { staticRoutes: [route, elsewhere] } as unknown as NonNullable<typeof pack.extensions>;
  await using host = await openTestRuntime({
    apps: [{ scope, pack: { ...pack, name: "gui", extensions, read: pack.read.bind(pack) }, hasTrustedPages: true }],
  });
  const found = host.runtime.webFile(scope, "/v1/web/chat/acme/deep/link");
  expect(found).toMatchObject({ kind: "file", mediaType: "text/html", isTrusted: true });
  expect(host.runtime.webFile(scope, "/v1/web/chat/acme/missing.png")).toBeUndefined();
  expect(host.runtime.webFile(scope, "/healthz")).toBeUndefined();
});
