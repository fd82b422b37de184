import { chmodSync, mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { channelId, conversationId, envId, sessionCtx, teamId, tenantId, userId } from "../types/index.ts";
import { createSecretReader, EnvSecretStore, FileSecretStore, formatSecretUri, parseSecretUri } from "./index.ts";

const ctx = (tenant: string, team = "default") =>
  sessionCtx(
    {
      env: envId("dev"),
      tenant: tenantId(tenant),
      team: teamId(team),
      channel: channelId("webchat"),
      conversation: conversationId("c"),
      user: userId("u"),
    },
    { traceId: "0".repeat(32), correlationId: "c", locale: "en" },
  );
const file = () => join(mkdtempSync(join(tmpdir(), "greentic-secrets-")), "secrets.json");
const uri = (text: string) => parseSecretUri(text);

test("FileSecretStore keeps what was written, for its owner alone", async () => {
  const store = new FileSecretStore(file());
  await store.write(uri("secrets://dev/acme/_/messaging-telegram/token"), "hunter2");
  expect(statSync(store.file).mode & 0o777).toBe(0o600);
  expect(await new FileSecretStore(store.file).read(uri("secrets://dev/acme/_/messaging-telegram/token"))).toBe(
    "hunter2",
  );
  expect((await store.list()).map(formatSecretUri)).toEqual(["secrets://dev/acme/_/messaging-telegram/token"]);
  expect(await store.remove(uri("secrets://dev/acme/_/messaging-telegram/token"))).toBe(true);
  expect(await store.list()).toEqual([]);
});

test("FileSecretStore names a damaged file, and nothing that is in it", async () => {
  const path = file();
  writeFileSync(path, '{"secrets://dev/a/_/b/c": "hunter2', { mode: 0o600 });
  const thrown: unknown = await new FileSecretStore(path).list().catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "SECRETS_FILE_INVALID" });
  expect(String(thrown)).toContain(path);
  expect(String(thrown)).not.toContain("hunter2");
});

test("FileSecretStore refuses a file that others may read", async () => {
  const path = file();
  writeFileSync(path, "{}");
  chmodSync(path, 0o644);
  await expect(new FileSecretStore(path).read(uri("secrets://dev/a/_/b/c"))).rejects.toMatchObject({
    code: "SECRETS_FILE_EXPOSED",
  });
});

test("createSecretReader() prefers the team's secret and never crosses tenants", async () => {
  const store = new FileSecretStore(file());
  await store.write(uri("secrets://dev/acme/_/app/key"), "tenant");
  await store.write(uri("secrets://dev/acme/sales/app/key"), "team");
  const reader = createSecretReader([store]);
  expect(await reader.get(ctx("acme", "sales"), "app", "KEY")).toBe("team");
  expect(await reader.get(ctx("acme", "support"), "app", "key")).toBe("tenant");
  expect(await reader.get(ctx("acme-2"), "app", "key")).toBeUndefined();
});

test("EnvSecretStore reads GTSEC_ variables", async () => {
  const store = new EnvSecretStore({ GTSEC_DEV_ACME___APP_API_KEY: "v" });
  expect(await store.read(uri("secrets://dev/acme/_/app/api_key"))).toBe("v");
});

test.each([
  "",
  "http://a/b/c/d/e",
  "secrets://a/b/c/d",
  "secrets://a/b/c/d/e/f",
  "secrets://a/b/c/d/..",
  "secrets://A/b/c/d/e",
])("parseSecretUri() refuses %j", (text) => {
  expect(() => parseSecretUri(text)).toThrow(expect.objectContaining({ code: "SECRETS_URI_INVALID" }));
});
