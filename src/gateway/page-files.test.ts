import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tenantId } from "../types/index.ts";
import { createGatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";

let dir: string;
const page = `<!doctype html>${"<p>hello</p>".repeat(100)}`;
beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "page-")), "dist");
  await mkdir(join(dir, "assets"), { recursive: true });
  await writeFile(join(dir, "index.html"), page);
  await writeFile(join(dir, "webchat.js"), "export {}");
  await writeFile(join(dir, "assets/main-Bx3_9aQz.js"), "1;".repeat(1000));
  await writeFile(join(dir, ".hidden"), "no");
  await writeFile(join(dir, "../secret.txt"), "secret");
  await symlink(join(dir, "../secret.txt"), join(dir, "link.txt"));
});
afterAll(() => rm(join(dir, ".."), { recursive: true }));

describe.each(["dev", "prod"])("servePageFiles() in env %s", (env) => {
  const serve = (path: string, headers: Record<string, string> = {}) =>
    createGatewayFixture({ pageDir: dir, env: env as never }).gateway.app.request(path, { headers });

  test("serves the page under a policy that runs nothing but its own scripts", async () => {
    const answer = await serve("/");
    expect(await answer.text()).toBe(page);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("frame-ancestors 'self'");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
  });

  test("tells the page the host's own tenant", async () => {
    await writeFile(join(dir, "other.html"), '<meta name="greentic-tenant" content="demo" />');
    const gateway = createGatewayFixture({ pageDir: dir, env: env as never, defaultTenant: tenantId("acme") }).gateway;
    const answer = await gateway.app.request("/other.html");
    await rm(join(dir, "other.html"));
    expect(await answer.text()).toBe('<meta name="greentic-tenant" content="acme" />');
  });

  test("lets hashed files be kept for ever, others be asked for again, and packs them", async () => {
    const hashed = await serve("/assets/main-Bx3_9aQz.js", { "accept-encoding": "br, gzip" });
    expect(hashed.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(hashed.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(Buffer.from(await hashed.arrayBuffer())).toString()).toBe("1;".repeat(1000));
    const embed = await serve("/webchat.js");
    expect(embed.headers.get("access-control-allow-origin")).toBe("*");
    const again = await serve("/webchat.js", { "if-none-match": embed.headers.get("etag") ?? "" });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  test.each([
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/.hidden",
    "/assets",
    "/assets/",
    "//etc/passwd",
    "/link.txt",
    "/index.html%00",
  ])("doesn't serve %s", async (path) => {
    const answer = await serve(path);
    expect(answer.status).toBe(404);
    expect(await answer.text()).not.toContain("secret\n");
  });
});
