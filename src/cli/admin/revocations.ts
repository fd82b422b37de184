/** `revocations.json` of the data directory: `{ "revocations": [{ kind, id, reason, at }] }`. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Revocation } from "../../admin/index.ts";
import { withFileLock, writeFileAtomic } from "../../files/index.ts";
import type { Config } from "../../config/index.ts";

import type { TrustPolicy } from "../../pack/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";

const MAX_BYTES = 16 << 20;

function fileOf({ dataDir }: Config): string {
  return join(dataDir, "revocations.json");
}

/** Reads what was revoked here, oldest first. @throws ADMIN_REVOCATIONS_INVALID: who can't tell must not trust */
export async function readRevocations(config: Config): Promise<readonly Revocation[]> {
  const file = fileOf(config);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw damaged(file);
  }
  try {
    const root = parseJson(bytes, { maxBytes: MAX_BYTES });
    const list = isJsonObject(root) ? root["revocations"] : undefined;
    if (Array.isArray(list)) return (list as readonly JsonValue[]).map(readRevocation);
  } catch {
    // Told below.
  }
  throw damaged(file);
}

/** Puts a revocation on the list; false where it was there. */
export function addRevocation(config: Config, added: Revocation): Promise<boolean> {
  return change(config, (list) => (list.some((one) => isSame(one, added)) ? undefined : [...list, added]));
}

/** Takes a revocation off the list; false where it wasn't there. */
export function removeRevocation(config: Config, removed: Pick<Revocation, "kind" | "id">): Promise<boolean> {
  return change(config, (list) =>
    list.some((one) => isSame(one, removed)) ? list.filter((one) => !isSame(one, removed)) : undefined,
  );
}

/** Takes what was revoked here out of a policy. */
export function withRevocations(trust: TrustPolicy, revocations: readonly Revocation[]): TrustPolicy {
  if (revocations.length === 0) return trust;
  const ids = (kind: Revocation["kind"]): readonly string[] =>
    revocations.filter((one) => one.kind === kind).map(({ id }) => id);
  return {
    ...trust,
    revoked: new Set([...trust.revoked, ...ids("publisher")]),
    revokedPacks: new Set([...(trust.revokedPacks ?? []), ...ids("pack")]),
  };
}

async function change(
  config: Config,
  edit: (list: readonly Revocation[]) => readonly Revocation[] | undefined,
): Promise<boolean> {
  const file = fileOf(config);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  return withFileLock(`${file}.lock`, async () => {
    const next = edit(await readRevocations(config));
    if (next === undefined) return false;
    await writeFileAtomic(file, Buffer.from(`${JSON.stringify({ revocations: next }, null, 2)}\n`));
    return true;
  });
}

function isSame(a: Pick<Revocation, "kind" | "id">, b: Pick<Revocation, "kind" | "id">): boolean {
  return a.kind === b.kind && a.id === b.id;
}

function readRevocation(value: JsonValue): Revocation {
  if (!isJsonObject(value)) throw new RangeError("no object");
  const { kind, id, reason, at } = value;
  if ((kind !== "pack" && kind !== "publisher") || typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id))
    throw new RangeError("no revocation");
  return { kind, id, reason: typeof reason === "string" ? reason : "", at: typeof at === "string" ? at : "" };
}

function damaged(file: string): GreenticError {
  return new GreenticError("ADMIN_REVOCATIONS_INVALID", `Read revocations: ${quote(file)} is damaged or can't be read`);
}
