import { array, assert, constantFrom, dictionary, jsonValue, oneof, property, record, string } from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { GreenticError, tenantId, teamId } from "../types/index.ts";
import { decideAccess, imageFiles, parseAccessMap, readBundleFiles } from "./index.ts";
import { verifies } from "../../test/verifies.ts";

/** Runs what may refuse its input, and nothing else. */
function refused(run: () => void): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(GreenticError);
    expect((error as GreenticError).code).toMatch(/^(?:CONFIG|TYPES)_/);
  }
}

const name = oneof(
  constantFrom("acme", "shop", "_", "..", "/etc/passwd", "packs/shop.gtpack", "oci://r.test/a:1"),
  string(),
);
const anything = oneof(jsonValue(), name);
const keys = constantFrom(
  "schema_version",
  "bundle_id",
  "mode",
  "requested_mode",
  "format_version",
  "tenant",
  "team",
  "app_packs",
  "app_pack_mappings",
  "extension_providers",
  "resolved_targets",
  "generated_setup_files",
  "generated_resolved_files",
  "access",
  "apps",
  "providers",
);
const references = array(name, { maxLength: 3 });
const document = oneof(
  dictionary(keys, anything),
  record(
    {
      format_version: constantFrom("gtbundle-v1"),
      bundle_id: constantFrom("a", "b"),
      app_packs: references,
      extension_providers: references,
      app_pack_mappings: array(
        record({ reference: name, scope: constantFrom("global", "tenant", "team"), tenant: name }),
      ),
      resolved_targets: array(
        record({ tenant: name, tenant_gmap: name, default_policy: constantFrom("public", "unset") }),
      ),
    },
    { requiredKeys: ["format_version", "bundle_id"] },
  ),
);

test("readBundleFiles() reads or refuses whatever stands in a bundle's files", () => {
  verifies("bundle.public");
  const files = record({ workspace: document, manifest: document, lock: document, demo: document, map: string() });
  assert(
    property(files, constantFrom("public", "demo", "manifest"), ({ workspace, manifest, lock, demo, map }, form) => {
      const texts: Record<string, string> = {
        "bundle-lock.json": JSON.stringify(lock),
        "packs/shop.gtpack": "x",
        "tenants/acme/tenant.gmap": map,
        "resolved/acme.yaml": stringify(workspace),
        "state/setup/messaging-telegram.json": JSON.stringify(demo),
        "providers/messaging/messaging-telegram.gtpack": "x",
        ...(form === "demo"
          ? { "greentic.demo.yaml": stringify(demo) }
          : { "bundle-manifest.json": JSON.stringify(manifest) }),
        ...(form === "public" && { "bundle.yaml": stringify(workspace) }),
      };
      const image = imageFiles("/b", new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)])));
      refused(() => {
        for (const { pack } of readBundleFiles(image).apps) expect(pack).toMatch(/^(?:oci:\/\/|\/b!\/)/);
      });
    }),
    { numRuns: 1000 },
  );
});

test("parseAccessMap() reads or refuses any text, and what it read decides about everything", () => {
  verifies("bundle.access");
  const line = oneof(
    string(),
    constantFrom("_ = public", "shop = forbidden", "shop/_=public", "a/b/c = public # x", "="),
  );
  assert(
    property(array(line), name, (lines, pack) => {
      refused(() => {
        const map = parseAccessMap(lines.join("\n"), "x.gmap");
        const scope = { tenant: tenantId("acme"), map, otherwise: "forbidden" as const };
        const target = { tenant: tenantId("acme"), team: teamId("any"), packs: [pack], flow: "b", node: "c" };
        expect(["public", "forbidden"]).toContain(decideAccess([scope], target).policy);
      });
    }),
    { numRuns: 1000 },
  );
});
