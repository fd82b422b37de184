import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../pack/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import type { Connector } from "./connectors.ts";

export interface InitOptions {
  readonly dir: string;
  readonly connectors: readonly Connector[];
  readonly force: boolean;
}

/** Writes greentic.toml and greentic.demo.yaml for a tenant; both or none. @throws DEPLOYER_FILE_EXISTS */
export async function initTenant(tenant: TenantId, options: InitOptions): Promise<readonly string[]> {
  const files: readonly (readonly [string, string])[] = [
    ["greentic.toml", configText(tenant)],
    ["greentic.demo.yaml", bundleText(tenant, options.connectors)],
  ];
  const existing = files.map(([name]) => name).filter((name) => existsSync(join(options.dir, name)));
  if (existing.length > 0 && !options.force) {
    throw new GreenticError(
      "DEPLOYER_FILE_EXISTS",
      `Initialise tenant ${tenant}: ${existing.map(quote).join(" and ")} already there`,
    );
  }
  await mkdir(options.dir, { recursive: true });
  for (const [name, text] of files) await writeFileAtomic(join(options.dir, name), Buffer.from(text));
  return files.map(([name]) => name);
}

function configText(tenant: string): string {
  return `# Configuration of this directory's host. Flags and GREENTIC_* variables win over it.
tenant = ${JSON.stringify(tenant)}

[security]
# Public keys whose signatures are believed; \`greentic-deployer bootstrap\` adds the dev key.
trusted_publishers = []
reject_unsigned = true
`;
}

function bundleText(tenant: string, connectors: readonly Connector[]): string {
  const all = connectors.some((connector) => connector.type === "webchat")
    ? connectors
    : [...connectors, { type: "webchat", id: "messaging.webchat" } as const];
  const providers = all.map(({ type }) => `  ${channelName(type)}:\n    type: ${type}\n`).join("");
  return `# What this deployment runs: channels and applications.
tenant: ${tenant}
team: default
providers:
${providers}# Packs that were registered with \`greentic-runner load\` run beside the ones that are named here.
apps: {}
`;
}

/** The channel's name that \`init\` gives a connector. */
export function channelName(type: Connector["type"]): string {
  return type === "webchat" ? "webchat" : `messaging-${type}`;
}
