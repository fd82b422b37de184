import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { buildFiles, sourceFolder, TINY } from "../pack-fixture.ts";
import type { LockedPack } from "./pack-lock.ts";
import { formatPackLock, parsePackLock, readPackLock } from "./pack-lock.ts";

const pack = (name: string, more: Partial<LockedPack> = {}): readonly [string, LockedPack] => [
  name,
  { name, version: "0.4.2", packHash: "cd".repeat(32), source: `../packs/${name}.gtpack`, dependencies: [], ...more },
];

test("formatPackLock() is the same text whatever the order, and parsePackLock() reads it back", () => {
  verifies("pack.dependencies.lock");
  const [a, b] = [
    pack("a", { dependencies: ["b"] }),
    pack("b", { source: `oci://registry.example.com/x/b@sha256:${"0".repeat(64)}` }),
  ];
  const text = formatPackLock(new Map([b, a]));
  expect(text).toBe(formatPackLock(new Map([a, b])));
  expect(text).toMatchInlineSnapshot(`
    "# Written by \`gtc pack resolve\`: commit it, don't edit it.
    version = 1

    [[pack]]
    name = "a"
    version = "0.4.2"
    hash = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
    source = "../packs/a.gtpack"
    dependencies = ["b"]

    [[pack]]
    name = "b"
    version = "0.4.2"
    hash = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
    source = "oci://registry.example.com/x/b@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    "
  `);
  expect(parsePackLock(text, "pack.lock")).toEqual(new Map([a, b]));
});

test.each([
  ["version = 2", 1],
  ["version = 1\nother = 1", 2],
  ["version = 1\n[[pack]]\nname = 'A'", 3],
  [`${formatPackLock(new Map([pack("a")]))}${formatPackLock(new Map([pack("a")])).replace(/^[^]*?\n\n/, "")}`, 10],
  [formatPackLock(new Map([pack("a", { dependencies: ["nobody"] })])), 9],
  [formatPackLock(new Map([pack("a", { packHash: "CD" })])), 7],
])("parsePackLock() refuses %j with its place", (text, line) => {
  expect(() => parsePackLock(text, "pack.lock")).toThrow(
    expect.objectContaining({ code: "PACK_LOCK_INVALID", at: expect.objectContaining({ line }) as object }),
  );
});

test("readPackLock() gives nothing where there is none", async () => {
  expect(await readPackLock(join(await sourceFolder({}), "pack.lock"))).toBeUndefined();
});

test("buildPack() embeds what pack.lock says, and refuses a lock that isn't of its dependencies", async () => {
  verifies("pack.dependencies.resolved");
  const lock = formatPackLock(new Map([pack("greentic-templates")]));
  const built = await buildFiles({ ...TINY, "pack.lock": lock });
  expect(built.manifest.dependencies.get("greentic-templates")).toEqual({
    req: "^0.4",
    resolved: { version: "0.4.2", packHash: "cd".repeat(32) },
  });
  expect(built.findings).toEqual([]);
  const open = await buildFiles(TINY);
  expect(open.findings).toMatchObject([{ code: "PACK_DEPENDENCY_UNRESOLVED", severity: "warning" }]);
  for (const stale of [pack("other"), pack("greentic-templates", { version: "0.5.0" })])
    await expect(buildFiles({ ...TINY, "pack.lock": formatPackLock(new Map([stale])) })).rejects.toMatchObject({
      code: "PACK_LOCK_STALE",
    });
});
