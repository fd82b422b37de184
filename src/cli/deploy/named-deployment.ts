import { existsSync } from "node:fs";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig, readDeployFile } from "../../config/index.ts";
import type { Bundle, Config, DeployFile } from "../../config/index.ts";
import { deployedConfig, findTarget, openBundle, programRunner, TARGET_SCHEMAS } from "../../deployer/index.ts";
import type { Deployment, PackedBundle, Target, TargetTools } from "../../deployer/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { buildBundle } from "../bundle/build-bundle.ts";
import { readBundlePacks } from "../bundle/bundle-packs.ts";
import type { BundlePack } from "../bundle/bundle-packs.ts";
import { needsOfBundle } from "../bundle/secret-needs.ts";
import { configBesideBundle } from "../bundle-settings.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { hasFlag, textOption } from "../command.ts";
import { openRegistries } from "../registries.ts";
import { VERSION } from "../version.ts";

/** The options of every verb that is about a deployment. */
export const DEPLOY_OPTIONS = [
  { flags: "--target <target>", summary: "desktop, container, serverless or kubernetes", required: true },
  { flags: "--dir <dir>", summary: "the directory with deploy.toml or the bundle (default: here)" },
  { flags: "--file <file>", summary: "another deploy.toml" },
  { flags: "--data <dir>", summary: "data directory, which remembers what was applied (default .greentic)" },
  { flags: "--config <file>", summary: "another greentic.toml" },
  { flags: "--json", summary: "print as JSON" },
] as const;

/** A deployment that was named on the command line. */
export interface NamedDeployment {
  readonly target: Target;
  readonly deployment: Deployment;
  readonly tools: TargetTools;
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Reads deploy.toml, the bundle and the settings that count with it. @throws CONFIG_…, DEPLOYER_TARGET_UNKNOWN */
export async function readDeployment(input: CommandInput, io: CommandIo): Promise<NamedDeployment> {
  const target = findTarget(textOption(input, "target") ?? "");
  const dir = resolve(io.cwd, textOption(input, "dir") ?? ".");
  const file = readDeployFile(dir, { file: textOption(input, "file"), targets: TARGET_SCHEMAS });
  if (!existsSync(file.bundle))
    throw new GreenticError("CONFIG_FILE_MISSING", `Read deployment: no bundle at ${quote(file.bundle)}`, {
      at: file.at(["bundle"]),
    });
  const bundle = await openBundle(file.bundle);
  const configFile = configOf({ input, io, dir, bundle });
  const config = loadConfig({
    cwd: dir,
    environment: io.environment,
    flags: { config: configFile, env: file.env, tenant: bundle.tenant, data: dataOf(input, io) },
  });
  const name = file.name ?? nameOf(bundle);
  let reading: Promise<readonly BundlePack[]> | undefined;
  const packs = (): Promise<readonly BundlePack[]> =>
    (reading ??= readBundlePacks(bundle, { config, environment: io.environment, nowMs: io.nowMs(), isDevOk: false }));
  let packing: Promise<PackedBundle> | undefined;
  const deployment: Deployment = {
    ...placesOf(file),
    name,
    packed: () => (packing ??= pack(bundle, { packs, file: file.bundle })),
    ...(configFile !== undefined && { configFile }),
    config: deployedConfig(configFile),
    secrets: secretsOf(bundle, { env: file.env, packs: await packs() }),
    table: file.table(target.name),
    at: (...path) => file.at([target.name, ...path]),
    machine: machineOf(config, io),
  };
  return { target, deployment, tools: toolsOf({ config, dir, isStored: hasFlag(input, "store") }, io) };
}

function configOf(of: {
  readonly input: CommandInput;
  readonly io: CommandIo;
  readonly dir: string;
  readonly bundle: Bundle;
}): string | undefined {
  const named = textOption(of.input, "config");
  if (named !== undefined) return resolve(of.io.cwd, named);
  const beside = [join(of.dir, "greentic.toml"), configBesideBundle(of.bundle, of.io)];
  return beside.find((file) => file !== undefined && existsSync(file));
}

function dataOf(input: CommandInput, io: CommandIo): string | undefined {
  const data = textOption(input, "data");
  return data === undefined ? undefined : resolve(io.cwd, data);
}

function placesOf({ env, bundle, image, publicBaseUrl, otlpEndpoint }: DeployFile): Pick<Deployment, "env" | "bundle"> {
  return {
    env,
    bundle,
    ...(image !== undefined && { image }),
    ...(publicBaseUrl !== undefined && { publicBaseUrl }),
    ...(otlpEndpoint !== undefined && { otlpEndpoint }),
  };
}

/** A bundle's own name as a label of a domain name. */
function nameOf(bundle: Bundle): string {
  const name = (bundle.id ?? bundle.tenant)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return name === "" ? "greentic" : name;
}

async function pack(
  bundle: Bundle,
  { packs, file }: { readonly packs: () => Promise<readonly BundlePack[]>; readonly file: string },
): Promise<PackedBundle> {
  const read = await packs();
  const known = read.flatMap(({ content }) =>
    content.pack === undefined
      ? []
      : [{ name: content.pack.name, version: content.pack.version, packHash: content.pack.packHash }],
  );
  const bytes = bundle.files.isImage
    ? await readFile(file)
    : buildBundle(bundle, { packs: read, isStored: true, toolVersion: VERSION }).image;
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex"), packs: known };
}

/** What the bundle needs, as a mounted folder names it. */
function secretsOf(
  bundle: Bundle,
  { env, packs }: { readonly env: string; readonly packs: readonly BundlePack[] },
): readonly string[] {
  const packOf = ({ pack: location }: { readonly pack?: string }): BundlePack["content"]["pack"] =>
    packs.find((one) => one.location === location)?.content.pack;
  return needsOfBundle(bundle, packOf)
    .map(({ tenant, category, name }) => `${env}.${tenant}._.${category}.${name}`)
    .toSorted();
}

function machineOf({ dataDir }: Config, io: CommandIo): Deployment["machine"] {
  const home = io.environment["HOME"] ?? homedir();
  return {
    platform: process.platform,
    home,
    node: process.execPath,
    main: join(ROOT, "src/cli/main.ts"),
    root: ROOT,
    dataDir,
    configHome: io.environment["XDG_CONFIG_HOME"] || join(home, ".config"),
  };
}

function toolsOf(
  { config, dir, isStored }: { readonly config: Config; readonly dir: string; readonly isStored: boolean },
  io: CommandIo,
): TargetTools {
  return {
    run: programRunner({ cwd: dir, environment: io.environment, signal: io.signal }),
    tell: (line) => void io.stderr.write(`${line}\n`),
    registry: () => openRegistries(config, io).client,
    isStored,
  };
}
