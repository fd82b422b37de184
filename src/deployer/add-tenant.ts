import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { parseBundle, readBundle, readYaml } from "../config/index.ts";
import { writeFileAtomic } from "../pack/index.ts";
import { GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import type { Connector } from "./connectors.ts";
import { channelName } from "./init-tenant.ts";

const BUNDLE = "greentic.demo.yaml";

/**
 * Adds a tenant to the bundle of a directory: channels of its own, the apps that the bundle's own tenant has, an access map and a
 * policy. What is there stays as it is; running it again changes nothing. Returns what was written.
 * @throws DEPLOYER_NOT_INITIALISED, CONFIG_… where the bundle is wrong
 */
export async function addTenant(
  tenant: TenantId,
  { dir, connectors }: { readonly dir: string; readonly connectors: readonly Connector[] },
): Promise<readonly string[]> {
  const file = join(dir, BUNDLE);
  if (!existsSync(file))
    throw new GreenticError("DEPLOYER_NOT_INITIALISED", `Add tenant ${tenant}: no ${BUNDLE} in this directory`);
  const bundle = readBundle(file);
  const text = await readFile(file, "utf8");
  const document = parseDocument(text);
  const types = new Set<Connector["type"]>(["webchat", ...connectors.map(({ type }) => type)]);
  for (const type of types) {
    const name = `${channelName(type)}-${tenant}`;
    if (!document.hasIn(["providers", name])) document.setIn(["providers", name], { type, tenant });
  }
  for (const { name, reference, defaultFlow, tenant: owner } of bundle.apps) {
    const own = `${name}-${tenant}`;
    if (owner !== bundle.tenant || document.hasIn(["apps", own])) continue;
    document.setIn(["apps", own], { pack: reference, ...(defaultFlow && { default_flow: defaultFlow }), tenant });
  }
  // Flow style would put all apps on one line.
  const apps = document.get("apps");
  if (typeof apps === "object" && apps !== null && "flow" in apps) apps.flow = false;
  const edited = document.toString({ lineWidth: 0 });
  parseBundle(readYaml(edited, file));
  const written: string[] = [];
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFileAtomic(join(dir, path), Buffer.from(content));
    written.push(path);
  };
  for (const [path, content] of Object.entries(filesOf(tenant)))
    if (!existsSync(join(dir, path))) await write(path, content);
  // The bundle last: whatever it names is there.
  if (edited !== text) await write(BUNDLE, edited);
  return written;
}

function filesOf(tenant: TenantId): Readonly<Record<string, string>> {
  return {
    [`tenants/${tenant}/tenant.gmap`]: `# Who may reach what of ${tenant}: path = public|forbidden\n_ = public\n`,
    [`tenants/${tenant}/policy.toml`]: `# What ${tenant} may not do; rules in here only deny (docs/policy.md).\n`,
  };
}

/** Names an app in a bundle; one that is there keeps everything but its pack. */
export async function addApp(
  dir: string,
  { name, pack }: { readonly name: string; readonly pack: string },
): Promise<boolean> {
  const file = join(dir, BUNDLE);
  const text = await readFile(file, "utf8");
  const document = parseDocument(text);
  document.setIn(["apps", name, "pack"], pack);
  const apps = document.get("apps");
  if (typeof apps === "object" && apps !== null && "flow" in apps) apps.flow = false;
  const edited = document.toString({ lineWidth: 0 });
  if (edited === text) return false;
  parseBundle(readYaml(edited, file));
  await writeFileAtomic(file, Buffer.from(edited));
  return true;
}
