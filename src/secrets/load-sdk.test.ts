import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { loadSdk } from "./load-sdk.ts";

function install(name: string, source: string): string {
  const sdkDir = mkdtempSync(join(tmpdir(), "greentic-sdk-"));
  mkdirSync(join(sdkDir, "node_modules", name), { recursive: true });
  writeFileSync(join(sdkDir, "node_modules", name, "package.json"), JSON.stringify({ name, main: "index.js" }));
  writeFileSync(join(sdkDir, "node_modules", name, "index.js"), source);
  return sdkDir;
}

test("loadSdk() loads from the operator's directory, else from the host's own packages", async () => {
  verifies("secrets.sdk");
  const sdkDir = install("@example/vault-of-clouds", "exports.answer = 42;");
  expect(await loadSdk("@example/vault-of-clouds", { sdkDir })).toMatchObject({ answer: 42 });
  expect(await loadSdk("yaml", { sdkDir })).toHaveProperty("parse");
});

test("loadSdk() says how to install what is missing, and that what is broken is there", async () => {
  verifies("secrets.sdk");
  await expect(loadSdk("@example/nowhere")).rejects.toMatchObject({
    code: "SECRETS_SDK_MISSING",
    message: expect.stringContaining("npm install @example/nowhere") as string,
  });
  await expect(loadSdk("@example/nowhere", { sdkDir: "/srv/sdk" })).rejects.toThrow(
    "npm install --prefix /srv/sdk @example/nowhere",
  );
  await expect(loadSdk("@example/nowhere/http")).rejects.toThrow(/npm install @example\/nowhere$/);
  const sdkDir = install("@example/broken", "throw new Error('hunter2');");
  const thrown: unknown = await loadSdk("@example/broken", { sdkDir }).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "SECRETS_SDK_BROKEN" });
  expect(String(thrown)).not.toContain("hunter2");
});
