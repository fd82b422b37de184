import type { Config, Environment } from "../config/index.ts";
import { createSecretReader, createSecretWriter } from "../secrets/index.ts";
import type { SecretReader, SecretUri, SecretWriter } from "../secrets/index.ts";
import { parseSecretUri } from "../secrets/index.ts";
import { DEFAULT_TEAM } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import type { CommandInput } from "./command.ts";
import { textOption } from "./command.ts";
import { knowingReader, redactorOf } from "./known-secrets.ts";
import { localSecrets } from "./local-secrets.ts";
import { secretPlaces } from "./secret-places.ts";

const READERS = new WeakMap<Config, SecretReader>();

/** Makes the reader of a host, one for each configuration: the environment wins over what is mounted, that over Vault, that over the data directory's own. */
export function secretReader(config: Config, environment: Environment): SecretReader {
  const known = READERS.get(config);
  if (known !== undefined) return known;
  const reader = knowingReader(
    createSecretReader(secretPlaces(config, environment).map(({ store }) => store)),
    redactorOf(config),
  );
  READERS.set(config, reader);
  return reader;
}

/** Makes the writer of a host: into the sealed file, which the other places still win over. */
export function secretWriter(config: Config): SecretWriter {
  return createSecretWriter(localSecrets(config));
}

/** Tells whether a tenant has a secret of a category, its own or its default team's; the value is read and forgotten. */
export function hasSecretIn(
  config: Config,
  environment: Environment,
): (place: { readonly tenant: TenantId; readonly category: string; readonly name: string }) => Promise<boolean> {
  const secrets = secretReader(config, environment);
  return async ({ tenant, category, name }) => {
    const ctx = {
      env: config.env,
      tenant,
      team: DEFAULT_TEAM,
      traceId: "",
      correlationId: "",
      attempt: 1,
      locale: "en",
    };
    return ((await secrets.get(ctx, category, name)) ?? "") !== "";
  };
}

/** The options with which the secrets commands name a secret. */
export const SECRET_OPTIONS = [
  { flags: "--tenant <tenant>", summary: "whose secret (default: the configured tenant)" },
  { flags: "--team <team>", summary: "the team's own secret instead of the tenant's" },
  { flags: "--category <name>", summary: "the channel or pack that it is for", default: "configs" },
] as const;

/** Builds the URI of the secret that a command names; a full `secrets://` URI stands for itself. */
export function secretUriOf(input: CommandInput, config: Config): SecretUri {
  const name = input.args[0] ?? "";
  if (name.startsWith("secrets://")) return parseSecretUri(name);
  const tenant = textOption(input, "tenant") ?? config.tenant;
  return parseSecretUri(
    `secrets://${config.env}/${tenant}/${textOption(input, "team") ?? "_"}/${textOption(input, "category") ?? "configs"}/${name.toLowerCase()}`,
  );
}
