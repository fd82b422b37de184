import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import { configSchema, checkDocument, readToml } from "../config/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { IN_IMAGE } from "./host-command.ts";

/** What the place decides, not the operator's own machine. */
const OF_THE_PLACE = ["env", "data_dir", "store", "roles", "redis", "postgres", "libsql", "dynamodb", "nats"];
const SERVER_OF_THE_PLACE = ["host", "port", "token_key_file", "public_base_url"];

/**
 * Makes the settings that go into an image or a cluster of a `greentic.toml`: what says whom to trust and what is allowed stays,
 * what says where things are on this machine is left out, and the public keys that it names come along under names of their own.
 * Secrets are read from mounted files unless it says otherwise. Nothing of it is secret.
 * @throws CONFIG_… where the file is wrong, DEPLOYER_SETTING_MISSING where it names a key that isn't there
 */
export function deployedConfig(file: string | undefined): ReadonlyMap<string, string> {
  const root = file === undefined ? {} : readConfig(file);
  for (const key of OF_THE_PLACE) delete root[key];
  const server = isJsonObject(root["server"] ?? null) ? (root["server"] as Record<string, JsonValue>) : undefined;
  if (server !== undefined) for (const key of SERVER_OF_THE_PLACE) delete server[key];
  if (server !== undefined && Object.keys(server).length === 0) delete root["server"];
  const files = new Map<string, string>();
  if (file !== undefined) bringKeys(root, { base: dirname(resolve(file)), files });
  const secrets = (root["secrets"] ?? {}) as JsonObject;
  root["secrets"] = { mounted_dir: IN_IMAGE.secrets, ...secrets };
  return new Map([["greentic.toml", `${stringify(root)}\n`], ...[...files].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function readConfig(file: string): Record<string, JsonValue> {
  const text = readFileSync(file, "utf8");
  checkDocument(readToml(text, file), configSchema);
  return parse(text) as Record<string, JsonValue>;
}

/** Takes the public keys along that say whom to trust. */
function bringKeys(
  root: Record<string, JsonValue>,
  { base, files }: { readonly base: string; readonly files: Map<string, string> },
): void {
  const security = root["security"] as Record<string, JsonValue> | undefined;
  if (security === undefined) return;
  const bring = (path: JsonValue | undefined, name: string): string => {
    const place = resolve(base, typeof path === "string" ? path : "");
    if (!existsSync(place))
      throw new GreenticError(
        "DEPLOYER_SETTING_MISSING",
        `Render: greentic.toml names ${quote(place)}, which isn't there`,
      );
    const text = readFileSync(place, "utf8");
    if (text.includes("PRIVATE KEY"))
      throw new GreenticError(
        "DEPLOYER_SECRET_EXPOSED",
        `Render: ${quote(place)} is a private key; name its public one`,
      );
    files.set(name, text);
    return name;
  };
  const publishers = (security["trusted_publishers"] ?? []) as readonly JsonValue[];
  if (publishers.length > 0)
    security["trusted_publishers"] = publishers.map((publisher, index) => {
      const name = `publisher-${index + 1}.pub`;
      if (typeof publisher === "string") return bring(publisher, name);
      const table = publisher as JsonObject;
      return { ...table, key: bring(table["key"], name) };
    });
  if (security["trust_file"] !== undefined) security["trust_file"] = bring(security["trust_file"], "trust.json");
  if (security["trust_root"] !== undefined) security["trust_root"] = bring(security["trust_root"], "trust-root.pub");
}
