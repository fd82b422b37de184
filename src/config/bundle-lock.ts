import type { JsonObject } from "../types/index.ts";
import { readBundleText } from "./bundle-access.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { checkDocument } from "./check-document.ts";
import { bundleLockSchema } from "./public-bundle-schema.ts";
import { readJson } from "./source-document.ts";
import type { SourceDocument } from "./source-document.ts";

export const LOCK_FILE = "bundle-lock.json";

/** What a bundle was built of: references of registries and the digests that they meant. */
export interface BundleLock {
  readonly document: SourceDocument;
  readonly digests: ReadonlyMap<string, string>;
}

/** Reads a bundle's lock; undefined where it has none. @throws CONFIG_SYNTAX_INVALID, CONFIG_VALUE_INVALID */
export function readBundleLock(files: BundleFiles): BundleLock | undefined {
  if (!files.has(LOCK_FILE)) return undefined;
  const document = readJson(readBundleText(files, LOCK_FILE), files.locate(LOCK_FILE));
  checkDocument(document, bundleLockSchema);
  const root = document.value as JsonObject;
  const entries = ["app_packs", "extension_providers"].flatMap(
    (key) => (root[key] ?? []) as unknown as readonly { readonly reference: string; readonly digest?: string }[],
  );
  return {
    document,
    digests: new Map(entries.flatMap(({ reference, digest }) => (digest === undefined ? [] : [[reference, digest]]))),
  };
}

/** Puts the locked digest in the place of a reference's tag: who moves the tag changes nothing in a bundle. */
export function lockReference(lock: BundleLock | undefined, reference: string): string {
  const digest = lock?.digests.get(reference);
  if (digest === undefined || !reference.startsWith("oci://") || reference.includes("@")) return reference;
  return `${reference.replace(/:[^/:]*$/, "")}@${digest}`;
}
