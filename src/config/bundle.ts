import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { envId, GreenticError, teamId, tenantId } from "../types/index.ts";
import type { EnvId, JsonObject, JsonValue, TeamId, TenantId } from "../types/index.ts";
import { checkDocument } from "./check-document.ts";
import { bundleSchema } from "./config-schema.ts";
import { readYaml } from "./source-document.ts";
import type { SourceDocument } from "./source-document.ts";

/** A channel of a bundle: a provider's instance. */
export interface BundleProvider {
  /** The channel's name. */
  readonly name: string;
  /** The built-in adapter that serves it; absent where a provider pack does. */
  readonly type?: "webchat" | "telegram";
  readonly pack?: string;
  readonly setupFlow?: string;
  readonly verifyFlow?: string;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly config: JsonObject;
}

/** An application pack of a bundle. */
export interface BundleApp {
  readonly name: string;
  /** Absolute path, or an `oci://` reference. */
  readonly pack: string;
  readonly defaultFlow?: string;
  readonly tenant: TenantId;
  readonly team?: TeamId;
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
  readonly file: string;
  readonly dir: string;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly env?: EnvId;
  readonly providers: readonly BundleProvider[];
  readonly apps: readonly BundleApp[];
  readonly worker: BundleWorker;
}

/**
 * Reads a bundle: a directory that holds greentic.demo.yaml, or that file.
 * @throws CONFIG_FILE_MISSING, CONFIG_SYNTAX_INVALID, CONFIG_KEY_UNKNOWN, CONFIG_VALUE_INVALID, all with positions
 */
export function readBundle(path: string): Bundle {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "greentic.demo.yaml") : path;
  if (!existsSync(file)) throw new GreenticError("CONFIG_FILE_MISSING", `Read bundle: no file ${file}`);
  return parseBundle(readYaml(readFileSync(file, "utf8"), file));
}

/** Checks a bundle document and gives it its types. */
export function parseBundle(document: SourceDocument): Bundle {
  checkDocument(document, bundleSchema);
  const root = document.value as JsonObject;
  const dir = dirname(resolve(document.file));
  const at = <T>(path: readonly string[], make: () => T): T => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof GreenticError)) throw error;
      throw new GreenticError(error.code, error.message, { at: document.positionOf(path), cause: error });
    }
  };
  const text = (value: JsonValue | undefined): string | undefined => (typeof value === "string" ? value : undefined);
  const tenant = at(["tenant"], () => tenantId(text(root["tenant"]) ?? "demo"));
  const team = at(["team"], () => teamId(text(root["team"]) ?? "default"));
  const section = (name: string): [string, JsonObject][] =>
    Object.entries((root[name] ?? {}) as JsonObject) as [string, JsonObject][];
  const locate = (pack: string): string => (pack.startsWith("oci://") ? pack : resolve(dir, pack));

  const providers = section("providers")
    .filter(([, entry]) => entry["enabled"] !== false)
    .map(([name, entry]): BundleProvider => {
      const type = text(entry["type"]) as BundleProvider["type"];
      const pack = text(entry["pack"]);
      const setupFlow = text(entry["setup_flow"]);
      const verifyFlow = text(entry["verify_flow"]);
      if (type === undefined && pack === undefined) {
        throw new GreenticError(
          "CONFIG_VALUE_INVALID",
          `Read configuration: providers.${name} needs a "type" or a "pack"`,
          { at: document.positionOf(["providers", name]) },
        );
      }
      return {
        name,
        tenant: at(["providers", name, "tenant"], () => tenantId(text(entry["tenant"]) ?? tenant)),
        team: at(["providers", name, "team"], () => teamId(text(entry["team"]) ?? team)),
        config: (entry["config"] ?? {}) as JsonObject,
        ...(type && { type }),
        ...(pack && { pack: locate(pack) }),
        ...(setupFlow && { setupFlow }),
        ...(verifyFlow && { verifyFlow }),
      };
    });
  const apps = section("apps").map(([name, entry]): BundleApp => {
    const defaultFlow = text(entry["default_flow"]);
    const own = text(entry["team"]);
    return {
      name,
      pack: locate(text(entry["pack"]) ?? ""),
      tenant: at(["apps", name, "tenant"], () => tenantId(text(entry["tenant"]) ?? tenant)),
      ...(defaultFlow && { defaultFlow }),
      ...(own && { team: at(["apps", name, "team"], () => teamId(own)) }),
    };
  });
  const worker = (root["worker"] ?? {}) as JsonObject;
  const title = text(worker["title"]);
  const description = text(worker["description"]);
  const accent = text(worker["accent"]);
  const env = text(root["env"]);
  return {
    file: document.file,
    dir,
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
  };
}
