import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readBundle } from "../config/index.ts";
import { generateKeyFiles, writeFileAtomic } from "../pack/index.ts";
import type { LocalSecretStore } from "../secrets/index.ts";
import { formatSecretUri } from "../secrets/index.ts";
import { envId, GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import { CONNECTORS } from "./connectors.ts";

export interface BootstrapOptions {
  /** Where `init` wrote its files. */
  readonly dir: string;
  readonly env: string;
  readonly dataDir: string;
  /** The dev key's private half, `~/.greentic/dev-ed25519.pem`. */
  readonly keyFile: string;
  readonly secrets: LocalSecretStore;
  readonly team: string;
  readonly user: string;
}

/** One thing that bootstrap saw to; `done` false means that the operator still has to. */
export interface BootstrapStep {
  readonly what: string;
  readonly done: boolean;
  readonly how?: string;
}

/**
 * Makes a described tenant ready to run: data directory, tenant record, dev key and its trust, secrets file, channels.
 * Running it again changes nothing that is there.
 * @throws DEPLOYER_NOT_INITIALISED
 */
export async function bootstrap(options: BootstrapOptions): Promise<readonly BootstrapStep[]> {
  const configFile = join(options.dir, "greentic.toml");
  const bundleFile = join(options.dir, "greentic.demo.yaml");
  if (!existsSync(configFile) || !existsSync(bundleFile))
    throw new GreenticError(
      "DEPLOYER_NOT_INITIALISED",
      "Bootstrap: no greentic.toml and greentic.demo.yaml in this directory",
    );
  const env = envId(options.env);
  const bundle = readBundle(bundleFile);
  const steps: BootstrapStep[] = [];

  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  await registerTenant(options, bundle.tenant);
  steps.push({ what: `tenant ${bundle.tenant}, env ${env}, team ${options.team}, user ${options.user}`, done: true });

  const publicKey = options.keyFile.replace(/\.pem$/, ".pub");
  if (!existsSync(options.keyFile)) {
    await mkdir(dirname(options.keyFile), { recursive: true, mode: 0o700 });
    await generateKeyFiles(options.keyFile);
  }
  await configure(configFile, { env, publicKey });
  steps.push({ what: `dev key ${options.keyFile}, trusted in greentic.toml`, done: true });

  const { sealed } = options.secrets;
  if (!existsSync(sealed.file)) await sealed.writeAll([]);
  steps.push({ what: `secrets file ${sealed.file}`, done: true });

  for (const provider of bundle.providers) {
    const connector = CONNECTORS.find(({ type }) => type === provider.type);
    if (!connector) continue;
    steps.push({ what: `connector ${connector.id} as channel ${provider.name}`, done: true });
    for (const name of connector.secrets) {
      const uri = { env, tenant: provider.tenant, team: "_", category: provider.name, name };
      const isSet = (await options.secrets.read(uri)) !== undefined;
      steps.push({
        what: `secret ${formatSecretUri(uri)}`,
        done: isSet,
        ...(!isSet && { how: `greentic-secrets set ${name} --category ${provider.name} --tenant ${provider.tenant}` }),
      });
    }
    if (connector.type === "telegram") {
      const url = provider.config["public_base_url"];
      steps.push({
        what:
          typeof url === "string"
            ? `channel ${provider.name}: webhook under ${url}`
            : `channel ${provider.name}: long polling (no public_base_url is configured)`,
        done: true,
      });
    }
  }
  return steps;
}

/** Sets env and trust in greentic.toml by line, so that a person's comments and order stay. */
async function configure(file: string, values: { readonly env: string; readonly publicKey: string }): Promise<void> {
  let text = await readFile(file, "utf8");
  const envLine = `env = ${JSON.stringify(values.env)}`;
  text = /^env\s*=.*$/m.test(text) ? text.replace(/^env\s*=.*$/m, envLine) : `${envLine}\n${text}`;
  const key = JSON.stringify(values.publicKey);
  if (!text.includes(key)) {
    if (/^trusted_publishers\s*=\s*\[/m.test(text)) {
      text = text.replace(
        /^(trusted_publishers\s*=\s*\[)(\s*\])?/m,
        (_all, open: string, close: string | undefined) => `${open}${key}${close === undefined ? ", " : "]"}`,
      );
    } else if (/^\[security\]\s*$/m.test(text))
      text = text.replace(/^\[security\]\s*$/m, `[security]\ntrusted_publishers = [${key}]`);
    else text += `\n[security]\ntrusted_publishers = [${key}]\n`;
  }
  await writeFileAtomic(file, Buffer.from(text));
}

async function registerTenant(options: BootstrapOptions, tenant: TenantId): Promise<void> {
  const file = join(options.dataDir, "tenants.json");
  const known = existsSync(file) ? (JSON.parse(await readFile(file, "utf8")) as Record<string, object>) : {};
  const record = { env: options.env, teams: [options.team], users: [options.user] };
  if (JSON.stringify(known[tenant]) === JSON.stringify(record)) return;
  await writeFileAtomic(file, Buffer.from(`${JSON.stringify({ ...known, [tenant]: record }, null, 2)}\n`));
}
