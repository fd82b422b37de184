import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BuiltComponent } from "../authoring/build-component.ts";
import { buildComponent } from "../authoring/build-component.ts";

// One guest that does whatever its message says, so that the tests build once.
const SOURCE = `
import { send } from "greentic:http/http-client@1.1.0";
import { get } from "greentic:secrets-store/secrets-store@1.0.0";
import * as state from "greentic:state/state-store@1.0.0";
import { log } from "greentic:telemetry/logger-api@1.0.0";
import { read } from "greentic:host/assets@1.0.0";
import { invoke } from "greentic:host/tools@1.0.0";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";

const span = { tenant: "forged", sessionId: null, flowId: "f", nodeId: null, provider: "p", startMs: null, endMs: null };
const attempt = (work: () => unknown): unknown => {
  try { return work(); } catch (error) { return { thrown: (error as any).payload }; }
};
let calls = 0;
let planted: unknown = null;
const acts: Record<string, (argument: any) => unknown> = {
  echo: (argument) => argument,
  count: () => ++calls,
  plant: (value) => { const before = planted; planted = value; return before; },
  planted: () => planted,
  hold: (bytes) => { planted = new Uint8Array(bytes).fill(1); return bytes; },
  spin: () => { for (;;) calls++; },
  recurse: () => { const deeper = (n: number): number => 1 + deeper(n + 1); return deeper(0); },
  grow: () => { const kept = []; for (;;) kept.push(new Uint8Array(4 << 20).fill(1)); },
  http: ({ url, method = "GET", headers = [] }) => attempt(() => {
    const { status, body } = send({ method, url, headers, body: null }, null, null);
    return { status, body: decodeUtf8(body ?? []) };
  }),
  secret: (name) => attempt(() => { const value = get(name); return value === null ? null : decodeUtf8(value); }),
  write: ([key, value]) => attempt(() => state.write(key, encodeUtf8(value), null)),
  read: (key) => attempt(() => decodeUtf8(state.read(key, null))),
  remove: (key) => attempt(() => state.delete(key, null)),
  asset: (path) => attempt(() => decodeUtf8(read(path))),
  tool: ([name, input]) => attempt(() => JSON.parse(invoke(name, JSON.stringify(input)))),
  log: ([count, text]) => { for (let i = 0; i < count; i++) log(span, [["level", "warn"], ["text", text]], null); return count; },
  clock: () => Date.now(),
  random: () => Math.random(),
  fail: (text) => { throw new Error(text); },
};

export function execute({ content }: { content: string }) {
  const { act, argument } = JSON.parse(content);
  if (act === "refuse") return { success: false, data: null, error: argument };
  return { success: true, data: JSON.stringify(acts[act](argument) ?? null), error: null };
}
`;

const MANIFEST = `
name = "hostile"
wasi = true
telemetry = true
[grants]
http = ["http://127.0.0.1"]
secrets = ["granted"]
state = "read-write"
tools = ["allowed"]
assets = true
`;

let built: Promise<BuiltComponent> | undefined;

/** Builds a component that obeys `{ act, argument }`: spins, grows, floods, and asks for what it wasn't granted. */
export function hostileGuest(): Promise<BuiltComponent> {
  built ??= buildFrom({ "component.toml": MANIFEST, "src/main.ts": SOURCE });
  return built;
}

/** Builds a component from files by their path. */
export async function buildFrom(files: Readonly<Record<string, string>>): Promise<BuiltComponent> {
  const directory = await mkdtemp(join(tmpdir(), "greentic-guest-"));
  try {
    for (const path of Object.keys(files)) await mkdir(dirname(join(directory, path)), { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text);
    return await buildComponent(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
