import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { verifies } from "../../../test/verifies.ts";
import { FileSecretStore } from "../file-secret-store.ts";
import { LocalSecretStore } from "../local-secret-store.ts";
import { formatSecretUri, parseSecretUri } from "../secret-uri.ts";
import { SealedSecretStore } from "./sealed-secret-store.ts";
import type { SealedOptions } from "./sealed-secret-store.ts";

const URI = parseSecretUri("secrets://dev/acme/_/slack/slack_bot_token");
const OTHER = parseSecretUri("secrets://dev/globex/_/slack/slack_bot_token");
const folder = () => mkdtempSync(join(tmpdir(), "greentic-sealed-"));
const open = (dir: string, options: Partial<SealedOptions> = {}) =>
  new SealedSecretStore({ file: join(dir, "secrets.sealed"), ...options });
interface Shape {
  keyId: string;
  wrapped: string;
  revision: number;
  records: Record<string, string>;
  seal: string;
}
function edit(dir: string, change: (file: Shape) => void): void {
  const path = join(dir, "secrets.sealed");
  const file = JSON.parse(readFileSync(path, "utf8")) as Shape;
  change(file);
  writeFileSync(path, JSON.stringify(file));
}

test("SealedSecretStore keeps what was written, for its owner alone, and no text of it in any file", async () => {
  verifies("secrets.sealed");
  const dir = folder();
  await open(dir).write(URI, "hunter2-hunter2");
  expect(await open(dir).read(URI)).toBe("hunter2-hunter2");
  expect(await open(dir).read(OTHER)).toBeUndefined();
  for (const name of ["secrets.sealed", "secrets.key"]) {
    expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    const text = readFileSync(join(dir, name), "utf8");
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(Buffer.from("hunter2-hunter2").toString("base64").slice(0, 18));
  }
  expect((await open(dir).list()).map(formatSecretUri)).toEqual([formatSecretUri(URI)]);
  expect(await open(dir).remove(URI)).toBe(true);
  expect(await open(dir).remove(URI)).toBe(false);
  expect(await open(dir).list()).toEqual([]);
});

test("SealedSecretStore keeps the last versions; an address without one reads the newest", async () => {
  verifies("secrets.versions");
  const dir = folder();
  const store = open(dir, { keepVersions: 2 });
  for (const value of ["one", "two", "three"]) await store.write(URI, value);
  expect(await store.read(URI)).toBe("three");
  const versions = await Promise.all(["1", "2", "3", "4"].map((version) => store.read({ ...URI, version })));
  expect(versions).toEqual([undefined, "two", "three", undefined]);
  await expect(store.write({ ...URI, version: "9" }, "x")).rejects.toMatchObject({ code: "SECRETS_URI_INVALID" });
  expect(await store.remove({ ...URI, version: "3" })).toBe(true);
  expect(await store.read(URI)).toBe("two");
});

test("SealedSecretStore sees what another process wrote, and loses nothing of what many write at once", async () => {
  verifies("secrets.sealed");
  const dir = folder();
  const reader = open(dir);
  await open(dir).write(URI, "first");
  expect(await reader.read(URI)).toBe("first");
  const module = new URL("sealed-secret-store.ts", import.meta.url).href;
  const program = `const { SealedSecretStore } = await import(${JSON.stringify(module)});
    const store = new SealedSecretStore({ file: ${JSON.stringify(join(dir, "secrets.sealed"))} });
    const who = process.argv[1];
    for (let i = 0; i < 5; i++) await store.write({ env: "dev", tenant: "t", team: "_", category: who, name: "n" + i }, who + i);`;
  const writers = ["a", "b", "c"].map((who) =>
    spawn(process.execPath, ["--input-type=module", "-e", program, who], { stdio: "inherit" }),
  );
  const codes = await Promise.all(writers.map(async (writer) => (await once(writer, "exit"))[0] as number));
  expect(codes).toEqual([0, 0, 0]);
  expect(await reader.list()).toHaveLength(16);
  expect(await reader.read(parseSecretUri("secrets://dev/t/_/c/n4"))).toBe("c4");
});

test("SealedSecretStore names the record that isn't as it was sealed, and says nothing of values", async () => {
  verifies("secrets.tampered");
  const spoil = async (change: (file: Shape) => void): Promise<unknown> => {
    const dir = folder();
    await open(dir).write(URI, "hunter2");
    await open(dir).write(OTHER, "hunter3");
    edit(dir, change);
    return open(dir)
      .read(URI)
      .catch((error: unknown) => error);
  };
  const [mine, theirs] = [`${formatSecretUri(URI)}@1`, `${formatSecretUri(OTHER)}@1`];
  const swapped = await spoil(({ records }) => ([records[mine], records[theirs]] = [records[theirs]!, records[mine]!]));
  expect(swapped).toMatchObject({ code: "SECRETS_SEAL_BROKEN", message: expect.stringContaining(mine) as string });
  const moved = await spoil(({ records }) => (records[`${formatSecretUri(URI)}@2`] = records[mine]!));
  expect(moved).toMatchObject({ code: "SECRETS_SEAL_BROKEN", message: expect.stringContaining("@2") as string });
  const removed = await spoil(({ records }) => delete records[theirs]);
  expect(removed).toMatchObject({ message: expect.stringContaining("the list of records") as string });
  expect(await spoil((file) => (file.revision += 1))).toMatchObject({ code: "SECRETS_SEAL_BROKEN" });
  expect(await spoil((file) => (file.wrapped = `A${file.wrapped.slice(1)}`))).toMatchObject({
    code: "SECRETS_SEAL_BROKEN",
    message: expect.stringContaining("the data key") as string,
  });
  expect(String(swapped) + String(moved) + String(removed)).not.toContain("hunter");
});

test("any changed byte of the sealed file is a typed error or changes nothing", async () => {
  verifies("secrets.tampered");
  const dir = folder();
  await open(dir).write(URI, "hunter2");
  await open(dir).write(OTHER, "hunter3");
  const path = join(dir, "secrets.sealed");
  const good = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      writeFileSync(path, bytes);
      const read: unknown = await open(dir)
        .read(URI)
        .catch((error: unknown) => error);
      if (read === "hunter2") return;
      expect(read).toMatchObject({
        code: expect.stringMatching(/^SECRETS_(SEAL_BROKEN|FILE_INVALID|KEY_MISSING|URI_INVALID)$/) as string,
      });
    }),
    { numRuns: 200 },
  );
});

test("rotateKey() changes the key and, asked to, everything under it; what was interrupted opens still", async () => {
  verifies("secrets.rotate-key");
  const dir = folder();
  const [sealed, key] = [join(dir, "secrets.sealed"), join(dir, "secrets.key")];
  await open(dir).write(URI, "hunter2");
  const [before, oldKey] = [readFileSync(sealed, "utf8"), readFileSync(key, "utf8")];
  const record = () => (JSON.parse(readFileSync(sealed, "utf8")) as Shape).records[`${formatSecretUri(URI)}@1`];
  const old = record();
  await open(dir).rotateKey();
  expect([await open(dir).read(URI), record()]).toEqual(["hunter2", old]);
  await open(dir).rotateKey({ isResealed: true });
  expect(await open(dir).read(URI)).toBe("hunter2");
  expect(record()).not.toBe(old);
  expect(readFileSync(key, "utf8")).not.toContain(oldKey.trim());
  // As after a crash between the new key and the file: both keys are there.
  writeFileSync(sealed, before, { mode: 0o600 });
  await expect(open(dir).read(URI)).rejects.toMatchObject({ code: "SECRETS_KEY_MISSING" });
  writeFileSync(key, readFileSync(key, "utf8") + oldKey);
  expect(await open(dir).read(URI)).toBe("hunter2");
});

test("SealedSecretStore takes the key from where the operator names, and refuses one that others may read", async () => {
  verifies("secrets.sealed-key");
  const dir = folder();
  const keyFile = join(dir, "elsewhere.key");
  writeFileSync(keyFile, `${Buffer.alloc(32, 7).toString("base64")}\n`, { mode: 0o600 });
  await open(dir, { keyFile }).write(URI, "hunter2");
  expect(await open(dir, { keyFile }).read(URI)).toBe("hunter2");
  await expect(open(dir).read(URI)).rejects.toMatchObject({ code: "SECRETS_KEY_MISSING" });
  chmodSync(keyFile, 0o644);
  await expect(open(dir, { keyFile }).read(URI)).rejects.toMatchObject({ code: "SECRETS_FILE_EXPOSED" });
  writeFileSync(join(dir, "bad.key"), "aGVsbG8=\n", { mode: 0o600 });
  await expect(open(dir, { keyFile: join(dir, "bad.key") }).read(URI)).rejects.toMatchObject({
    code: "SECRETS_KEY_MISSING",
  });
});

test("SealedSecretStore keeps its key in the keyring where there is one", async () => {
  verifies("secrets.sealed-key");
  const [dir, sdkDir] = [folder(), folder()];
  const at = join(sdkDir, "node_modules/@napi-rs/keyring");
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "package.json"), JSON.stringify({ name: "@napi-rs/keyring", main: "index.js" }));
  // Other people's keyring, as far as it is asked: one password for service and account.
  writeFileSync(
    join(at, "index.js"),
    `const kept = new Map();
     exports.AsyncEntry = class { constructor(service, account) { this.key = service + " " + account; }
       async getPassword() { return kept.get(this.key) ?? null; } async setPassword(text) { kept.set(this.key, text); } };`,
  );
  const store = open(dir, { sdkDir });
  await store.write(URI, "hunter2");
  await store.rotateKey();
  expect(await open(dir, { sdkDir }).read(URI)).toBe("hunter2");
  expect(await store.describe()).toMatchObject({ keeper: "keyring" });
  expect(() => statSync(join(dir, "secrets.key"))).toThrow("ENOENT");
  await expect(open(dir).read(URI)).rejects.toMatchObject({ code: "SECRETS_SDK_MISSING" });
});

// With a session bus there may be somebody's own keyring, which is left alone.
const hasNobodysKeyring = process.platform === "linux" && process.env["DBUS_SESSION_BUS_ADDRESS"] === undefined;
test.runIf(hasPeers && hasNobodysKeyring)(
  "SealedSecretStore asks the real keyring, and keeps the key in a file where that refuses",
  async () => {
    const dir = folder();
    const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
    await open(dir, { sdkDir }).write(URI, "hunter2");
    expect(await open(dir, { sdkDir }).read(URI)).toBe("hunter2");
  },
);

test("LocalSecretStore reads a plain file until it is sealed, and writes no plain text any more", async () => {
  verifies("secrets.seal");
  const dir = folder();
  const plain = new FileSecretStore(join(dir, "secrets.json"));
  await plain.write(URI, "old");
  await plain.write(OTHER, "theirs");
  const local = new LocalSecretStore({ sealed: open(dir), plain });
  expect(await local.read(URI)).toBe("old");
  await local.write(URI, "new");
  expect([await local.read(URI), await plain.read(URI)]).toEqual(["new", undefined]);
  expect(await local.list()).toHaveLength(2);
  expect((await local.seal()).map(formatSecretUri)).toEqual([formatSecretUri(OTHER)]);
  expect(() => statSync(plain.file)).toThrow("ENOENT");
  expect([await local.read(URI), await local.read(OTHER)]).toEqual(["new", "theirs"]);
  expect([await local.remove(OTHER), await local.remove(OTHER)]).toEqual([true, false]);
});
