/** The five packs that are tampered with, each signed, with the policy that accepts it unchanged. */
import { createPrivateKey } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readSigningKey } from "../keys.ts";
import type { SigningKey } from "../keys.ts";
import type { BuildPackOptions } from "../build-pack.ts";
import { buildPack } from "../build-pack.ts";
import { EMPTY_COMPONENT, FLOW, TINY } from "../pack-fixture.ts";
import { publisherKey, rawPublicKey } from "../public-key.ts";
import type { PublisherKey } from "../public-key.ts";
import { signPack } from "../sign-pack.ts";
import type { TrustPolicy } from "../trust.ts";
import { TRUST_NOBODY } from "../trust.ts";
import { randomSource } from "./random-source.ts";

/** The wall clock of every verification here. */
export const NOW = Date.UTC(2026, 0, 1);

export interface SignedFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Every signature that the pack carries is needed. */
  readonly trust: TrustPolicy;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Builds and signs them: the same bytes every time, so that a mutant is known by its seed. */
export async function signedPacks(): Promise<readonly SignedFixture[]> {
  return [
    await signed("minimal", 1, { "pack.toml": toml("minimal", "[flows]\nmain = 'flows/main.ygtc'"), ...FLOWS }),
    await signed("two signers", 2, { "pack.toml": toml("two-signers", "[flows]\nmain = 'flows/main.ygtc'"), ...FLOWS }),
    await signed("components", 1, {
      "pack.toml": toml(
        "parts",
        "[flows]\nmain = 'flows/main.ygtc'\n[components]\na = 'components/a.wasm'\nb = 'components/b.wasm'",
      ),
      ...FLOWS,
      "components/a.wasm": EMPTY_COMPONENT,
      "components/b.wasm": componentOf("b"),
    }),
    await signed("assets", 1, {
      "pack.toml": toml("pictures", "[flows]\nmain = 'flows/main.ygtc'"),
      ...FLOWS,
      "assets/picture.bin": noise(12 << 10),
      "assets/empty.txt": "",
      "assets/i18n/en.json": '{"hello":"Hello"}',
    }),
    await signed("dependencies", 1, TINY, {
      resolveDependency: async () => ({ version: "0.4.2", packHash: "cd".repeat(32) }),
    }),
  ];
}

const FLOWS: Files = { "flows/main.ygtc": FLOW };

const toml = (name: string, rest: string): string =>
  `[pack]\nname = "${name}"\nversion = "1.0.0"\ndescription = ""\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n${rest}\n`;

async function signed(
  name: string,
  signers: number,
  files: Files,
  options: Partial<BuildPackOptions> = {},
): Promise<SignedFixture> {
  const keys = await Promise.all(Array.from({ length: signers }, (_, i) => fixedKey(i + 1)));
  let bytes = await built(files, { ...options, signers: keys.map(({ publisher }) => publisher.id) });
  for (const { signing } of keys) ({ bytes } = await signPack(bytes, signing));
  const publishers = keys.map(({ publisher }) => ({ key: publisher }));
  return { name, bytes, trust: { ...TRUST_NOBODY, publishers, threshold: signers } };
}

/** Builds from a folder of its own, in tests and in the processes that they share mutants with. */
async function built(files: Files, options: Partial<BuildPackOptions>): Promise<Uint8Array> {
  const root = await mkdtemp(join(tmpdir(), "greentic-signed-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    return (await buildPack(root, { probeComponent: () => ({ abi: "none", world: "" }), ...options })).bytes;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** An empty component with a custom section of this name. */
function componentOf(name: string): Uint8Array {
  const text = Buffer.from(name);
  return Buffer.concat([EMPTY_COMPONENT, Uint8Array.of(0, text.length + 1, text.length), text]);
}

function noise(sizeBytes: number): Uint8Array {
  const random = randomSource(7);
  return Uint8Array.from({ length: sizeBytes }, () => random(256));
}

/** A key pair of a known seed (RFC 8410: the 32 bytes behind a fixed head). */
async function fixedKey(seed: number): Promise<{ readonly signing: SigningKey; readonly publisher: PublisherKey }> {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, seed)]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  return { signing: await readSigningKey(pem), publisher: await publisherKey(rawPublicKey(privateKey)) };
}
