/** Sources, keys and broken packs that several tests share. */
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { buildPack } from "./build-pack.ts";
import type { BuildPackOptions, BuiltPack } from "./build-pack.ts";
import type { SigningKey } from "./keys.ts";
import { readSigningKey } from "./keys.ts";
import type { PublisherKey } from "./public-key.ts";
import { publisherKey, rawPublicKey } from "./public-key.ts";

/** An empty component: the magic number and the version of the binary format. */
export const EMPTY_COMPONENT: Uint8Array = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00);

export const FLOW = `id: main
type: messaging
schema_version: 2
title: Hello
start: greet
nodes:
  greet:
    message.send: { text: "hello" }
    routing: out
`;

export const TOML = `[pack]
name = "tiny"
version = "1.2.3"
description = "A tiny pack"
authors = ["Ada <ada@example.com>"]

[capabilities]
id = "greentic.cap.app.v1"
provides = ["tiny"]

[dependencies]
greentic-templates = "^0.4"

[flows]
main = "flows/main.ygtc"

[components.echo]
path = "components/echo.wasm"
[components.echo.grants]
http = ["https://api.example.com"]
secrets = ["api_key"]

[assets]
templates = "assets/templates/"
i18n = "assets/i18n/"

[secrets]
required = ["api_key"]

[config]
default_model = "gpt-4"
max_tokens = 4096
`;

/** The files of the tiny pack. */
export const TINY: Readonly<Record<string, string | Uint8Array>> = {
  "pack.toml": TOML,
  "flows/main.ygtc": FLOW,
  "components/echo.wasm": EMPTY_COMPONENT,
  "assets/templates/hello.hbs": "Hello {{name}}\n",
  "assets/i18n/en.json": '{"hello":"Hello","menu":{"help":"Help"}}',
  "assets/i18n/pt-BR.json": '{"hello":"Olá"}',
};

/** Writes files into a folder that the test removes. */
export async function sourceFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "greentic-pack-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

/** Builds the given files as a pack; components probe as "none". */
export async function buildFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<BuildPackOptions> = {},
): Promise<BuiltPack> {
  return buildPack(await sourceFolder(files), { probeComponent: () => ({ abi: "none", world: "" }), ...options });
}

/** A fresh key pair in the forms that tests need. */
export async function keyPair(): Promise<{ readonly signing: SigningKey; readonly publisher: PublisherKey }> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  return { signing: await readSigningKey(pem), publisher: await publisherKey(rawPublicKey(privateKey)) };
}

/** Does work and counts the turns that the event loop has meanwhile. */
export async function countTurns<T>(work: () => Promise<T>): Promise<{ readonly turns: number; readonly value: T }> {
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const value = await work();
  isDone = true;
  return { turns, value };
}
