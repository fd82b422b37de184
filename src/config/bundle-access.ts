import { GreenticError, quote, teamId, tenantId } from "../types/index.ts";
import type { SourcePosition, TeamId, TenantId } from "../types/index.ts";
import { parseAccessMap } from "./access-map.ts";
import type { AccessPolicy, AccessScope } from "./access-map.ts";
import type { BundleFiles } from "./bundle-files.ts";

const LAYOUT = /^tenants\/([^/]+)\/(?:tenant|teams\/([^/]+)\/team)\.gmap$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a file of a bundle as text. @throws CONFIG_FILE_MISSING, CONFIG_SYNTAX_INVALID */
export function readBundleText(files: BundleFiles, path: string, at?: SourcePosition): string {
  const file = files.locate(path);
  const bytes = files.read(path);
  if (bytes === undefined)
    throw new GreenticError("CONFIG_FILE_MISSING", `Read bundle: no file ${quote(file)}`, { at });
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new GreenticError("CONFIG_SYNTAX_INVALID", `Read bundle: ${quote(file)} is not UTF-8`, { cause: error });
  }
}

/** Reads the access maps where the public tools keep them: `tenants/<tenant>/tenant.gmap` and `…/teams/<team>/team.gmap`. */
export function readTenantMaps(files: BundleFiles): readonly AccessScope[] {
  return files.list("tenants").flatMap((path) => {
    const [, tenant, team] = LAYOUT.exec(path) ?? [];
    if (tenant === undefined) return [];
    const at = { file: files.locate(path), line: 1, column: 1 };
    return [
      readAccessScope(files, {
        path,
        at,
        tenant: idAt(at, () => tenantId(tenant)),
        ...(team !== undefined && { team: idAt(at, () => teamId(team)) }),
      }),
    ];
  });
}

/** Reads one map of a bundle. @throws CONFIG_FILE_MISSING, CONFIG_SYNTAX_INVALID, CONFIG_VALUE_INVALID */
export function readAccessScope(
  files: BundleFiles,
  scope: {
    readonly path: string;
    readonly tenant: TenantId;
    readonly team?: TeamId;
    readonly otherwise?: AccessPolicy;
    /** Who names the file. */
    readonly at: SourcePosition;
  },
): AccessScope {
  const { path, tenant, team, otherwise = "forbidden", at } = scope;
  const map = parseAccessMap(readBundleText(files, path, at), files.locate(path));
  return { tenant, map, otherwise, ...(team !== undefined && { team }) };
}

/** Gives an error about an id the place where the id stands. */
export function idAt<T>(at: SourcePosition, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof GreenticError)) throw error;
    throw new GreenticError(error.code, error.message, { at, cause: error });
  }
}
