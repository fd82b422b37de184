import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { buildFiles, keyPair, sourceFolder, TINY, TOML } from "../pack-fixture.ts";
import type { SigningKey } from "../keys.ts";
import { signPack } from "../sign-pack.ts";
import { TRUST_NOBODY } from "../trust.ts";
import { CandidateIndex } from "./candidate-index.ts";
import { DirectoryPlace } from "./directory-place.ts";
import { solveDependencies } from "./solve-dependencies.ts";

const NOW = Date.UTC(2026, 0, 1);

async function packed(version: string, key?: SigningKey): Promise<Uint8Array> {
  const { bytes } = await buildFiles({
    ...TINY,
    "pack.toml": TOML.replace("1.2.3", version).replace(/\[dependencies\][^[]*/, ""),
  });
  return key === undefined ? bytes : (await signPack(bytes, key)).bytes;
}

test("DirectoryPlace offers what trust accepts, and leaves out what is unsigned, revoked, expired, foreign or broken", async () => {
  verifies("pack.dependencies.resolved");
  const [good, revoked, expired, foreign] = await Promise.all([keyPair(), keyPair(), keyPair(), keyPair()]);
  const root = await sourceFolder({});
  const files = {
    "tiny.gtpack": await packed("1.0.0", good.signing),
    "unsigned.gtpack": await packed("1.1.0"),
    "revoked.gtpack": await packed("1.2.0", revoked.signing),
    "expired.gtpack": await packed("1.3.0", expired.signing),
    "foreign.gtpack": await packed("1.4.0", foreign.signing),
    "broken.gtpack": Buffer.from("no archive"),
    "notes.txt": Buffer.from("no pack"),
  };
  await mkdir(join(root, "packs"));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(root, "packs", name), bytes);
  const trust = {
    ...TRUST_NOBODY,
    publishers: [{ key: good.publisher }, { key: revoked.publisher }, { key: expired.publisher, notAfterMs: NOW }],
    revoked: new Set([revoked.publisher.id]),
  };
  const place = new DirectoryPlace(join(root, "packs"), { trust, nowMs: NOW, lockDirectory: join(root, "app") });
  const index = new CandidateIndex([place]);
  const chosen = await solveDependencies(
    { name: "app", version: "1.0.0", dependencies: new Map([["tiny", "^1"]]) },
    { index },
  );
  expect(chosen.get("tiny")).toMatchObject({ version: "1.0.0", source: "../packs/tiny.gtpack" });
  expect(index.skipped.map(({ place: where, code }) => [where, code])).toEqual([
    ["../packs/broken.gtpack", "PACK_ZIP_END_MISSING"],
    ["../packs/foreign.gtpack", "PACK_SIGNATURE_UNTRUSTED"],
    ["../packs/expired.gtpack", "PACK_SIGNATURE_UNTRUSTED"],
    ["../packs/revoked.gtpack", "PACK_SIGNER_REVOKED"],
    ["../packs/unsigned.gtpack", "PACK_UNSIGNED"],
  ]);
});

test("DirectoryPlace says where it can't look", async () => {
  const place = new DirectoryPlace("/nowhere/at/all", { trust: TRUST_NOBODY, nowMs: NOW, lockDirectory: "/" });
  await expect(place.offers("tiny")).rejects.toMatchObject({ code: "PACK_FILE_UNREADABLE" });
});
