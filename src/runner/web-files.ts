/**
 * The files that packs show the web: a native pack's assets below `assets/web/` at `/v1/web/{pack}/{tenant}/…`, a public pack's by its
 * extension `greentic.static-routes.v1`. @see upstream reference §4.2, Appendix A
 */
import type { AssetEntry, Pack } from "../pack/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";

/** One file as it is answered. */
export interface WebFile {
  readonly kind: "file";
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** Lower-case hex, of the bytes. */
  readonly hash: string;
  /** Whether the operator lets the pack's pages be the host's own; otherwise they run in a sandbox of their own origin. */
  readonly isTrusted: boolean;
}

/** What a path below a pack's route turned out to be; `folder` is a route's root that was asked for without its last slash. */
export type WebAnswer = WebFile | { readonly kind: "folder" };

/** Where a pack shows files. */
export interface WebRoute {
  /** Segments of the path; `{tenant}` and `{team}` stand for their names. */
  readonly segments: readonly string[];
  /** With a slash at its end. */
  readonly root: string;
  readonly index: string;
  /** What is shown where nothing is there, for pages that read the path themselves. */
  readonly fallback: string | undefined;
}

const NATIVE_ROOT = "assets/web/";
const PREFIX = ["v1", "web"];

/** Reads the routes of a pack; those outside `/v1/web/{name}/{tenant}` aren't the pack's to take. */
export function webRoutesOf(pack: Pack): readonly WebRoute[] {
  const declared = (pack.extensions?.staticRoutes ?? []).flatMap(
    ({ publicPath, sourceRoot, indexFile, spaFallback }) => {
      const segments = publicPath.split("/").filter((segment) => segment !== "");
      if (segments[3] !== "{tenant}" || PREFIX.some((word, i) => segments[i] !== word)) return [];
      const root = sourceRoot.endsWith("/") ? sourceRoot : `${sourceRoot}/`;
      return [{ segments, root, index: indexFile ?? "index.html", fallback: spaFallback }];
    },
  );
  if (!pack.assets.has(`${NATIVE_ROOT}index.html`)) return declared;
  const segments = [...PREFIX, pack.name, "{tenant}"];
  return [...declared, { segments, root: NATIVE_ROOT, index: "index.html", fallback: undefined }];
}

/** Finds what packs show at a path, the first pack that has the route; only names of assets are ever read. */
export function findWebFile(
  packs: readonly LoadedPack[],
  path: string,
  names: { readonly tenant: string; readonly team: string },
): WebAnswer | undefined {
  const asked = decodedPath(path);
  if (asked === undefined) return undefined;
  for (const pack of packs) {
    for (const route of pack.web.routes) {
      const rest = restOf(route, asked, names);
      if (rest === undefined) continue;
      if (rest === "") return { kind: "folder" };
      const found = read(pack, route, rest.slice(1));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function read(pack: LoadedPack, { root, index, fallback }: WebRoute, name: string): WebFile | undefined {
  const { entries, isTrusted } = pack.web;
  const wanted = name === "" || name.endsWith("/") ? [`${name}${index}`] : [name];
  // A missing picture must not become a page.
  if (fallback !== undefined && !/\.[A-Za-z0-9]{1,8}$/.test(name)) wanted.push(fallback);
  for (const file of wanted) {
    const entry = entries.get(`${root}${file}`);
    const bytes = entry && pack.asset(entry.path);
    if (entry !== undefined && bytes !== undefined)
      return { kind: "file", bytes, mediaType: entry.mediaType, hash: entry.hash, isTrusted };
  }
  return undefined;
}

/** What a path has behind a route: empty for its root, else with a slash in front; undefined where it is another's. */
function restOf(
  { segments }: WebRoute,
  asked: readonly string[],
  { tenant, team }: { readonly tenant: string; readonly team: string },
): string | undefined {
  const isBelow = segments.every(
    (segment, i) => asked[i] === (segment === "{tenant}" ? tenant : segment === "{team}" ? team : segment),
  );
  if (!isBelow) return undefined;
  return asked.length === segments.length ? "" : `/${asked.slice(segments.length).join("/")}`;
}

function decodedPath(path: string): readonly string[] | undefined {
  try {
    const segments = path.split("/").slice(1).map(decodeURIComponent);
    const isPlain = segments.every((segment) => !/[/\\\0]/.test(segment) && segment !== "." && segment !== "..");
    return isPlain ? segments : undefined;
  } catch {
    return undefined;
  }
}

/** What a loaded pack shows the web. */
export interface PackWeb {
  readonly routes: readonly WebRoute[];
  readonly entries: ReadonlyMap<string, AssetEntry>;
  readonly isTrusted: boolean;
}
