import { formatSecretUri, secretCandidates } from "../../secrets/index.ts";
import { DEFAULT_TEAM, GreenticError } from "../../types/index.ts";
import type { EnvId } from "../../types/index.ts";
import { readNamedBundle } from "../bundle/named-bundle.ts";
import type { SecretNeed } from "../bundle/secret-needs.ts";
import { needsOfBundle, setCommand } from "../bundle/secret-needs.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { localSecrets } from "../local-secrets.ts";
import { POLICY_OPTION } from "../pack-input.ts";
import type { SecretPlace } from "../secret-places.ts";
import { secretPlaces } from "../secret-places.ts";

/** What became of looking for one secret; its value is read and forgotten. */
interface SecretFinding {
  readonly uri: string;
  readonly neededBy: string;
  /** Where it was found; absent where it wasn't. */
  readonly place?: SecretPlace["name"];
  /** Why a place couldn't tell. */
  readonly error?: { readonly place: SecretPlace["name"]; readonly code: string; readonly message: string };
  readonly title?: string;
  readonly set: string;
  /** Place → how to set it there, for each that is configured. */
  readonly ways: Readonly<Record<string, string>>;
}

export default defineCommand({
  summary: "Say which secrets a bundle needs, where each is found, and how to set what is missing",
  arguments: [
    { name: "bundle", summary: "a bundle's directory, its file, or a .gtbundle image (default: here)", optional: true },
  ],
  options: [
    POLICY_OPTION,
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--data <dir>", summary: "the data directory, where secrets are" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc secrets doctor .", "gtc secrets doctor shop.gtbundle --json"],
  async run(input, io) {
    const { bundle, packs, config } = await readNamedBundle(input, io);
    const packOf = ({ pack }: { readonly pack?: string }) =>
      packs.find(({ location }) => location === pack)?.content.pack;
    const places = secretPlaces(config, io.environment);
    const findings = await Promise.all(
      needsOfBundle(bundle, packOf).map((need) => look(need, { env: config.env, places })),
    );
    const ok = findings.every(({ place }) => place !== undefined);
    if (hasFlag(input, "json")) printJson(io, { ok, places: places.map(({ name }) => name), secrets: findings });
    else for (const finding of findings) io.stdout.write(`${lineOf(finding)}\n`);
    if ((await localSecrets(config).plain.list()).length > 0)
      io.stderr.write("warn  secrets.json holds secrets as plain text: gtc secrets seal\n");
    if (findings.length === 0 && !hasFlag(input, "json")) io.stdout.write("ok    nothing here needs a secret\n");
    return ok ? 0 : 2;
  },
});

async function look(
  need: SecretNeed,
  { env, places }: { readonly env: EnvId; readonly places: readonly SecretPlace[] },
): Promise<SecretFinding> {
  const { tenant, team = DEFAULT_TEAM, category, name, neededBy, title } = need;
  const ctx = { env, tenant, team, traceId: "", correlationId: "", attempt: 1, locale: "en" };
  const uris = secretCandidates(ctx, category, name);
  const address = uris[0] ?? { env, tenant, team: "_", category, name };
  const found = {
    uri: formatSecretUri(address),
    neededBy,
    ...(title !== undefined && { title }),
    set: setCommand(need),
    ways: Object.fromEntries(places.filter(isChosen).map(({ name, howToSet }) => [name, howToSet(address)])),
  };
  for (const uri of uris) {
    for (const { name: place, store } of places) {
      try {
        if (((await store.read(uri)) ?? "") !== "") return { ...found, uri: formatSecretUri(uri), place };
      } catch (error) {
        // A host that asks in this order stops here too.
        const { code, message } =
          error instanceof GreenticError ? error : { code: "unknown", message: "can't be read" };
        return { ...found, error: { place, code, message } };
      }
    }
  }
  return found;
}

/** Places that the operator configured; the others are always there, and what sets a secret in them is said anyway. */
function isChosen({ name }: SecretPlace): boolean {
  return name !== "environment" && name !== "sealed" && name !== "file";
}

function lineOf({ uri, neededBy, place, error, title, set, ways }: SecretFinding): string {
  if (place !== undefined) return `ok    ${uri}  in ${place}, for ${neededBy}`;
  if (error !== undefined) return `FAIL  ${uri}  for ${neededBy}: ${error.place}: ${error.code}: ${error.message}`;
  const others = Object.entries(ways).map(([name, way]) => `\n      in ${name}: ${way}`);
  return `FAIL  ${uri}  for ${neededBy}${title === undefined ? "" : `: ${title}`}\n      ${set}${others.join("")}`;
}
