import { GreenticError, quote } from "../types/index.ts";
import type { SourcePosition } from "../types/index.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { CHANNEL_TYPES } from "./channel-types.ts";
import type { ChannelType } from "./channel-types.ts";

/** The name of the pack that a path or reference leads to: its last part without tag, digest and extension. */
export function packNameOf(reference: string): string {
  const [path = ""] = reference.split("@");
  const segments = path.split("/").filter((segment) => segment !== "");
  // `packs/x/dist/x.gtpack` is x too.
  return (segments.at(-1) ?? "").replace(/:[^:]*$/, "").replace(/\.gtpack$/, "");
}

/** The built-in adapter that serves the channel of a provider pack with this name, as the public packs are named. */
export function builtInType(name: string): ChannelType | undefined {
  return CHANNEL_TYPES.find((type) => name === `messaging-${type}` || name === `messaging-${type}-gui`);
}

/**
 * Finds the pack that a reference means: in the bundle, where the public tools put it, whatever machine's path it was; else the
 * registry's. @throws CONFIG_BUNDLE_PACK_MISSING
 */
export function locatePack(
  files: BundleFiles,
  reference: string,
  { folder, at }: { readonly folder: string; readonly at?: SourcePosition | undefined },
): string {
  const name = packNameOf(reference);
  const isRemote = /^[a-z]+:\/\//.test(reference) && !reference.startsWith("file://");
  const own = isRemote ? [] : candidates(reference.replace(/^file:\/\//, ""), name);
  for (const path of [...own, ...(folder === "" ? [] : candidates(`${folder}/${name}`, name))]) {
    if (!path.startsWith("/") && files.has(path)) return files.locate(path);
  }
  const inside = files.list("providers").find((path) => path.endsWith(`/${name}.gtpack`));
  if (inside !== undefined) return files.locate(inside);
  if (reference.startsWith("oci://")) return reference;
  // A path of a directory bundle that isn't there yet is told when it is loaded; it may come.
  if (!isRemote && !files.isImage && !reference.startsWith("/")) return files.locate(reference);
  throw new GreenticError("CONFIG_BUNDLE_PACK_MISSING", `Read bundle: it holds no pack ${quote(reference)}`, { at });
}

/** A pack's file, or what builds to it: `x.gtpack`, `x`, `x/dist/x.gtpack`, or a folder with a manifest. */
function candidates(path: string, name: string): readonly string[] {
  const plain = path.replace(/^\.\//, "");
  return [plain, `${plain}.gtpack`, `${plain}/dist/${name}.gtpack`, `${plain}/${name}.gtpack`];
}
