import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { loadSdk } from "../secrets/index.ts";
import type { JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { AskOpa } from "./opa.ts";

/** As much of `@open-policy-agent/opa-wasm` as is used. */
interface LoadedPolicy {
  readonly entrypoints: Readonly<Record<string, number>>;
  setData(data: object): void;
  evaluate(input: unknown, entrypoint?: string | number): readonly { readonly result?: JsonValue }[];
}
interface OpaWasm {
  loadPolicy(wasm: Uint8Array): Promise<LoadedPolicy>;
}

const MAX_BYTES = 64 << 20;

/**
 * Opens a policy that `opa build -t wasm` made: its `policy.wasm`, or the bundle with its data. The library is the operator's to
 * install, in `sdk_dir` or where the host was started.
 * @throws POLICY_BUNDLE_INVALID, SECRETS_SDK_MISSING, SECRETS_SDK_BROKEN
 */
export async function openOpaWasm(source: {
  readonly file: string;
  readonly entrypoint?: string;
  readonly sdkDir?: string;
}): Promise<AskOpa> {
  const { file, entrypoint, sdkDir } = source;
  const doing = `Load OPA bundle ${quote(file)}`;
  const fail = (problem: string, cause?: unknown): GreenticError =>
    new GreenticError("POLICY_BUNDLE_INVALID", `${doing}: ${problem}`, { cause });
  const library = (await loadSdk("@open-policy-agent/opa-wasm", { sdkDir })) as OpaWasm;
  let policy: LoadedPolicy;
  try {
    const { wasm, data } = readBundle(await readFile(file));
    policy = await library.loadPolicy(wasm);
    policy.setData(data);
  } catch (error) {
    throw error instanceof GreenticError ? error : fail("it can't be read as a policy", error);
  }
  if (entrypoint !== undefined && !Object.hasOwn(policy.entrypoints, entrypoint))
    throw fail(`no entrypoint ${quote(entrypoint)}, known are ${Object.keys(policy.entrypoints).join(", ")}`);
  return (input) => Promise.resolve(policy.evaluate(input, entrypoint)[0]?.result);
}

/** Takes `policy.wasm` and `data.json` out of a bundle; a bare module has no data. */
function readBundle(bytes: Uint8Array): { readonly wasm: Uint8Array; readonly data: object } {
  if (bytes[0] === 0 && bytes[1] === 0x61) return { wasm: bytes, data: {} };
  const tar = gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  const files = new Map(tarFiles(tar));
  const wasm = files.get("policy.wasm");
  if (wasm === undefined) throw new GreenticError("POLICY_BUNDLE_INVALID", "Load OPA bundle: it has no policy.wasm");
  const data = parseJson(files.get("data.json") ?? Buffer.from("{}"));
  return { wasm, data: isJsonObject(data) ? data : {} };
}

/** The files of a tar: blocks of 512 bytes, name at 0, size in octal digits at 124. */
function* tarFiles(tar: Uint8Array): Generator<readonly [string, Uint8Array], void> {
  const text = (from: number, size: number): string =>
    new TextDecoder().decode(tar.subarray(from, from + size)).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12).trim(), 8);
    if (!Number.isSafeInteger(size)) return;
    yield [text(at, 100).replace(/^\.?\//, ""), tar.subarray(at + 512, at + 512 + size)];
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
