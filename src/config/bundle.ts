import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { envId, GreenticError, isJsonObject, teamId, tenantId } from "../types/index.ts";
import type { EnvId, JsonObject, JsonValue, SourcePosition, TeamId, TenantId } from "../types/index.ts";
import type { AccessScope } from "./access-map.ts";
import { idAt, readAccessScope, readBundleText, readTenantMaps } from "./bundle-access.ts";
import { directoryFiles } from "./bundle-files.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { lockReference, readBundleLock } from "./bundle-lock.ts";
import { builtInType, packNameOf } from "./bundle-packs.ts";
import type { ChannelType } from "./channel-types.ts";
import { checkDocument } from "./check-document.ts";
import { bundleSchema, PROVIDER_DOMAINS } from "./config-schema.ts";
import { MANIFEST_FILE, readPublicBundle, WORKSPACE_FILE } from "./public-bundle.ts";
import { readYaml } from "./source-document.ts";
import type { SourceDocument, SourcePath } from "./source-document.ts";

/** A channel of a bundle: a provider's instance. */
export interface BundleProvider {
  /** The channel's name. */
  readonly name: string;
  /** The built-in adapter that serves it; absent where a provider pack does. */
  readonly type?: ChannelType;
  /** "pack" where the bundle names a pack and no type: its own components serve, if it has any; `type` is then the adapter to fall back to. */
  readonly prefers?: "pack";
  /** Origins that the pack's components may reach beside those that its manifest names. */
  readonly http?: readonly string[];
  /** Names of secrets that the pack's components may read beside those that its manifest names. */
  readonly secrets?: readonly string[];
  readonly pack?: string;
  /** The pack as the bundle names it. */
  readonly reference?: string;
  /** Where the bundle names the channel. */
  readonly at: SourcePosition;
  readonly setupFlow?: string;
  readonly verifyFlow?: string;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly config: JsonObject;
}

/** An application pack of a bundle. */
export interface BundleApp {
  readonly name: string;
  /** Absolute path, `image!/path` in a bundle that is an image, or an `oci://` reference. */
  readonly pack: string;
  /** The pack as the bundle names it. */
  readonly reference: string;
  /** Where the bundle names it. */
  readonly at: SourcePosition;
  readonly defaultFlow?: string;
  readonly defaultFlowAt?: SourcePosition;
  readonly tenant: TenantId;
  readonly team?: TeamId;
  /** What becomes of flows that wait on a version of the pack that isn't the current one any more; default the host's. */
  readonly pinned?: "finish" | "migrate" | "stop";
  /** Whether the pack's pages are as the host's own (`pages: trusted`); otherwise they run in a sandbox. */
  readonly hasTrustedPages?: boolean;
}

/** What the page says about the worker before anybody wrote. */
export interface BundleWorker {
  readonly title?: string;
  readonly description?: string;
  readonly suggestions: readonly string[];
  readonly accent?: string;
  readonly locales: readonly string[];
}

/** One deployment: which packs, which providers, which tenants. */
export interface Bundle {
  /** The file that describes it. */
  readonly file: string;
  readonly dir: string;
  /** Everything that it holds. */
  readonly files: BundleFiles;
  /** As the public tools name it. */
  readonly id?: string;
  /** Who may reach what; absent where everybody may reach everything. */
  readonly access?: readonly AccessScope[];
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly env?: EnvId;
  readonly providers: readonly BundleProvider[];
  readonly apps: readonly BundleApp[];
  readonly worker: BundleWorker;
  /** The NATS server that it is to run with. */
  readonly natsUrl?: string;
}

/** The files that may describe a bundle, in the order in which they are looked for. */
const DESCRIPTIONS = ["greentic.demo.yaml", "greentic.operator.yaml", "demo/demo.yaml"];

/**
 * Reads a bundle: a directory that holds greentic.demo.yaml, or a public one's bundle.yaml, or such a file.
 * @throws CONFIG_FILE_MISSING, CONFIG_SYNTAX_INVALID, CONFIG_KEY_UNKNOWN, CONFIG_VALUE_INVALID, all with positions
 */
export function readBundle(path: string): Bundle {
  if (!existsSync(path)) throw new GreenticError("CONFIG_FILE_MISSING", `Read bundle: no file ${path}`);
  if (statSync(path).isDirectory()) return readBundleFiles(directoryFiles(path));
  const files = directoryFiles(dirname(path));
  if ([WORKSPACE_FILE, MANIFEST_FILE].includes(basename(path))) return readPublicBundle(files);
  return parseBundle(readYaml(readBundleText(files, basename(path)), path), files);
}

/** Reads a bundle of the files that it holds. @throws as {@link readBundle} */
export function readBundleFiles(files: BundleFiles): Bundle {
  const own = DESCRIPTIONS.find((path) => files.has(path));
  if (own !== undefined) return parseBundle(readYaml(readBundleText(files, own), files.locate(own)), files);
  if (files.has(WORKSPACE_FILE) || files.has(MANIFEST_FILE)) return readPublicBundle(files);
  const names = [...DESCRIPTIONS, WORKSPACE_FILE, MANIFEST_FILE].join(", ");
  throw new GreenticError("CONFIG_FILE_MISSING", `Read bundle ${files.place}: it has none of ${names}`);
}

/** Checks a bundle document and gives it its types. */
export function parseBundle(document: SourceDocument, files = directoryFiles(dirname(document.file))): Bundle {
  checkDocument(document, bundleSchema);
  const root = document.value as JsonObject;
  const dir = files.isImage ? files.place : dirname(resolve(document.file));
  const at = <T>(path: SourcePath, make: () => T): T => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof GreenticError)) throw error;
      throw new GreenticError(error.code, error.message, { at: document.positionOf(path), cause: error });
    }
  };
  const tenant = at(["tenant"], () => tenantId(text(root["tenant"]) ?? "demo"));
  const team = at(["team"], () => teamId(text(root["team"]) ?? "default"));
  const lock = readBundleLock(files);
  const locate = (pack: string): string => (pack.startsWith("oci://") ? lockReference(lock, pack) : files.locate(pack));

  const providers = namedProviders(root)
    .filter(({ entry }) => entry["enabled"] !== false)
    .map(({ name, path, entry }): BundleProvider => {
      const pack = text(entry["pack"]);
      const type =
        (text(entry["type"]) as ChannelType | undefined) ??
        (pack && (builtInType(name) ?? builtInType(packNameOf(pack))));
      const isOwn = pack !== undefined && entry["type"] === undefined;
      const { http, secrets } = entry as { readonly http?: readonly string[]; readonly secrets?: readonly string[] };
      const setupFlow = text(entry["setup_flow"]);
      const verifyFlow = text(entry["verify_flow"]);
      if (type === undefined && pack === undefined) {
        throw new GreenticError(
          "CONFIG_VALUE_INVALID",
          `Read configuration: ${path.join(".")} needs a "type" or a "pack"`,
          { at: document.positionOf(path) },
        );
      }
      return {
        name,
        tenant: at([...path, "tenant"], () => tenantId(text(entry["tenant"]) ?? tenant)),
        team: at([...path, "team"], () => teamId(text(entry["team"]) ?? team)),
        config: (entry["config"] ?? {}) as JsonObject,
        at: document.positionOf(path),
        ...(type && { type }),
        ...(isOwn && { prefers: "pack" as const }),
        ...(http && { http }),
        ...(secrets && { secrets }),
        ...(pack && { pack: locate(pack), reference: pack }),
        ...(setupFlow && { setupFlow }),
        ...(verifyFlow && { verifyFlow }),
      };
    });
  const apps = namedApps(root).map(({ name, path, entry }): BundleApp => {
    const defaultFlow = text(entry["default_flow"]);
    const own = text(entry["team"]);
    const pinned = (["finish", "migrate", "stop"] as const).find((word) => word === entry["pinned"]);
    return {
      name,
      pack: locate(text(entry["pack"]) ?? ""),
      reference: text(entry["pack"]) ?? "",
      at: document.positionOf([...path, "pack"]),
      tenant: at([...path, "tenant"], () => tenantId(text(entry["tenant"]) ?? tenant)),
      ...(defaultFlow && { defaultFlow, defaultFlowAt: document.positionOf([...path, "default_flow"]) }),
      ...(own && { team: at([...path, "team"], () => teamId(own)) }),
      ...(pinned && { pinned }),
      ...(entry["pages"] === "trusted" && { hasTrustedPages: true }),
    };
  });
  const worker = (root["worker"] ?? {}) as JsonObject;
  const title = text(worker["title"]);
  const description = text(worker["description"]);
  const accent = text(worker["accent"]);
  const env = text(root["env"]);
  const natsUrl = natsUrlOf(root);
  const access = readAccess(document, files);
  const id = text((lock?.document.value as JsonObject | undefined)?.["bundle_id"]) ?? slug(text(root["bundle_name"]));
  return {
    file: document.file,
    dir,
    files,
    ...(id !== undefined && { id }),
    ...(access.length > 0 && { access }),
    tenant,
    team,
    providers,
    apps,
    worker: {
      suggestions: (worker["suggestions"] ?? []) as readonly string[],
      locales: (worker["locales"] ?? ["en"]) as readonly string[],
      ...(title && { title }),
      ...(description && { description }),
      ...(accent && { accent }),
    },
    ...(env && { env: at(["env"], () => envId(env)) }),
    ...(natsUrl && { natsUrl }),
  };
}

/** An entry under its name, with the way to it. */
interface Named {
  readonly name: string;
  readonly path: SourcePath;
  readonly entry: JsonObject;
}

/** The providers, whether they stand side by side or below their domain, which is then a part of their name. */
function namedProviders(root: JsonObject): readonly Named[] {
  const direct = Object.entries((root["providers"] ?? {}) as JsonObject) as [string, JsonObject][];
  return direct.flatMap(([name, entry]): readonly Named[] => {
    const path = ["providers", name];
    const isGroup = isDomain(name) && Object.values(entry).every((value) => isJsonObject(value ?? null));
    if (!isGroup) return [{ name, path, entry }];
    return Object.entries(entry).map(([own, below]) => ({
      name: own.startsWith(`${name}-`) ? own : `${name}-${own}`,
      path: [...path, own],
      entry: below as JsonObject,
    }));
  });
}

function isDomain(name: string): boolean {
  return PROVIDER_DOMAINS.some((domain) => domain === name);
}

/** The apps by name, or as a list, where each is named after its pack's file. */
function namedApps(root: JsonObject): readonly Named[] {
  const apps = root["apps"] ?? {};
  if (!Array.isArray(apps))
    return Object.entries(apps).map(([name, entry]) => ({ name, path: ["apps", name], entry: entry as JsonObject }));
  return apps.map((entry: JsonObject, i) => ({
    name: text(entry["name"]) ?? packNameOf(text(entry["pack"]) ?? ""),
    path: ["apps", i],
    entry,
  }));
}

/** `services.nats`, unless it is switched off; one without a URL is for hosts that start a server themselves. */
function natsUrlOf(root: JsonObject): string | undefined {
  const { nats } = (root["services"] ?? {}) as { readonly nats?: JsonObject };
  return nats?.["enabled"] === false ? undefined : text(nats?.["url"]);
}

/** The maps that `access` names by tenant or tenant/team; without it, those below `tenants/`. */
function readAccess(document: SourceDocument, files: BundleFiles): readonly AccessScope[] {
  const named = (document.value as JsonObject)["access"];
  if (named === undefined) return readTenantMaps(files);
  return Object.entries(named as JsonObject).map(([place, path]) => {
    const at = document.positionOf(["access", place]);
    const [tenant = "", team] = place.split("/");
    const owner = idAt(at, () => ({ tenant: tenantId(tenant), ...(team !== undefined && { team: teamId(team) }) }));
    return readAccessScope(files, { ...owner, path: text(path) ?? "", at });
  });
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A name as it may be in file names. */
function slug(name: string | undefined): string | undefined {
  const plain = name
    ?.toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return plain === "" ? undefined : plain;
}
