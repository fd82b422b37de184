import { hash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BundleProvider, Config } from "../../config/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import { isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonObject } from "../../types/index.ts";

/** What a platform was told of a channel last. */
export interface Registration {
  /** Absent where platforms don't reach it. */
  readonly callbackUrl?: string;
  /** SHA-256 of the settings and secrets that went with it: platforms don't show secrets. */
  readonly digest: string;
}

const FILE = "setup.json";

/**
 * Reads what set-up told platforms, by `env/tenant/team/channel`, from the data directory. Losing it costs nothing but saying things
 * again, so a damaged file is no file.
 */
export function readRegistrations({ dataDir }: Pick<Config, "dataDir">): ReadonlyMap<string, Registration> {
  const file = join(dataDir, FILE);
  if (!existsSync(file)) return new Map();
  try {
    const value = parseJson(readFileSync(file));
    if (!isJsonObject(value)) return new Map();
    return new Map(
      Object.entries(value).filter(
        (entry): entry is [string, JsonObject & Registration] =>
          isJsonObject(entry[1]) && typeof entry[1]["digest"] === "string",
      ),
    );
  } catch {
    return new Map();
  }
}

/** Notes what a platform was told, or forgets it. */
export async function noteRegistration(
  { dataDir }: Pick<Config, "dataDir">,
  key: string,
  registration: Registration | undefined,
): Promise<void> {
  const all = new Map(readRegistrations({ dataDir }));
  if (registration === undefined) all.delete(key);
  else all.set(key, registration);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const sorted = Object.fromEntries([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  await writeFileAtomic(join(dataDir, FILE), Buffer.from(`${JSON.stringify(sorted, null, 2)}\n`));
  chmodSync(join(dataDir, FILE), 0o600);
}

/** The key of a channel. */
export function registrationKey({ env }: Pick<Config, "env">, { tenant, team, name }: BundleProvider): string {
  return `${env}/${tenant}/${team}/${name}`;
}

/** Sums up what goes to a platform. */
export function registrationOf(
  callbackUrl: string | undefined,
  { config, secrets }: { readonly config: JsonObject; readonly secrets: readonly string[] },
): Registration {
  const sorted = Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = hash("sha256", JSON.stringify([callbackUrl ?? null, sorted, secrets]));
  return { ...(callbackUrl !== undefined && { callbackUrl }), digest };
}
