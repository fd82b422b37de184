import type { JsonObject } from "../types/index.ts";
import { tenantId } from "../types/index.ts";
import { idAt, readBundleText } from "./bundle-access.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { checkDocument } from "./check-document.ts";
import type { NetworkList, PolicyRule } from "./policy-config.ts";
import { readNetwork, readRules } from "./policy-config.ts";
import { bundlePolicySchema } from "./policy-schema.ts";
import { readToml } from "./source-document.ts";

/** What a bundle takes away beside what the operator does. */
export interface BundlePolicy {
  readonly rules: readonly PolicyRule[];
  readonly network: readonly NetworkList[];
}

const OF_TENANT = /^tenants\/([^/]+)\/policy\.toml$/;

/**
 * Reads a bundle's `policy.toml` and its tenants' `tenants/<tenant>/policy.toml`, beside the access maps. Whoever made a bundle may
 * deny more than the operator, never less.
 * @throws CONFIG_SYNTAX_INVALID, CONFIG_KEY_UNKNOWN, CONFIG_VALUE_INVALID, with positions
 */
export function readBundlePolicy(files: BundleFiles): BundlePolicy {
  const own = files.has("policy.toml") ? ["policy.toml"] : [];
  const read = [...own, ...ofTenants(files)].map((path) => {
    const file = files.locate(path);
    const document = readToml(readBundleText(files, path), file);
    checkDocument(document, bundlePolicySchema);
    const name = OF_TENANT.exec(path)?.[1];
    const tenant = name === undefined ? undefined : idAt({ file, line: 1, column: 1 }, () => tenantId(name));
    const table = document.value as JsonObject;
    return {
      rules: readRules(document, { table, path: ["rules"], ...(tenant !== undefined && { tenant }) }),
      network: readNetwork((table["network"] ?? {}) as JsonObject, `${path}: network`, tenant),
    };
  });
  return { rules: read.flatMap(({ rules }) => rules), network: read.flatMap(({ network }) => network) };
}

/** The files whose change may change a bundle's policy, there or not; an image changes as a whole. */
export function policyFilesOf(files: BundleFiles | undefined): readonly string[] {
  if (files === undefined) return [];
  if (files.isImage) return [files.place];
  return ["policy.toml", "tenants", ...ofTenants(files)].map((path) => files.locate(path));
}

function ofTenants(files: BundleFiles): readonly string[] {
  return files.list("tenants").filter((path) => OF_TENANT.test(path));
}
