import { mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { MountedSecretStore } from "./mounted-secret-store.ts";
import { parseSecretUri } from "./secret-uri.ts";

const URI = parseSecretUri("secrets://prod/acme/_/slack/slack_bot_token");

test("MountedSecretStore reads files in folders and in one folder, as they are at the moment", async () => {
  verifies("secrets.mounted");
  const dir = mkdtempSync(join(tmpdir(), "greentic-mounted-"));
  const store = new MountedSecretStore(dir);
  expect(await store.read(URI)).toBeUndefined();
  // As Kubernetes does it: names are links into a folder that a link names, which changes as a whole.
  for (const [version, value] of [
    ["..1", "one\n"],
    ["..2", "two"],
  ] as const) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, "prod.acme._.slack.slack_bot_token"), value);
  }
  symlinkSync("..1", join(dir, "..data"));
  symlinkSync("..data/prod.acme._.slack.slack_bot_token", join(dir, "prod.acme._.slack.slack_bot_token"));
  expect(await store.read(URI)).toBe("one");
  symlinkSync("..2", join(dir, "..next"));
  renameSync(join(dir, "..next"), join(dir, "..data"));
  expect(await store.read(URI)).toBe("two");
  mkdirSync(join(dir, "prod/acme/_/slack"), { recursive: true });
  writeFileSync(join(dir, "prod/acme/_/slack/slack_bot_token"), "of the folder\r\n");
  expect(await store.read(URI)).toBe("of the folder");
});

test("MountedSecretStore names a file that can't be a secret, and nothing that is in it", async () => {
  const dir = mkdtempSync(join(tmpdir(), "greentic-mounted-"));
  const name = "prod.acme._.slack.slack_bot_token";
  writeFileSync(join(dir, name), Uint8Array.of(0x68, 0x75, 0x6e, 0xff));
  await expect(new MountedSecretStore(dir).read(URI)).rejects.toMatchObject({ code: "SECRETS_VALUE_INVALID" });
  mkdirSync(join(dir, "prod/acme/_/slack/slack_bot_token"), { recursive: true });
  await expect(new MountedSecretStore(dir).read(URI)).rejects.toMatchObject({ code: "SECRETS_BACKEND_FAILED" });
});
