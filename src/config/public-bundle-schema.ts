import type { SchemaObject } from "ajv";

const text = { type: "string", minLength: 1 } as const;
const texts = { type: "array", items: text } as const;
const policy = { enum: ["public", "forbidden", "unset"] } as const;
/** Files that other tools write may have more keys than are known here. */
const open = (properties: Record<string, SchemaObject>, required: readonly string[] = []): SchemaObject => ({
  type: "object",
  additionalProperties: true,
  properties,
  required: [...required],
});

/** The shape of bundle.yaml, as far as it decides anything here. */
export const publicBundleSchema: SchemaObject = open({
  schema_version: { const: 1 },
  bundle_id: text,
  bundle_name: text,
  mode: text,
  tenant: text,
  team: text,
  app_packs: texts,
  app_pack_mappings: {
    type: "array",
    items: open({ reference: text, scope: { enum: ["global", "tenant", "team"] }, tenant: text, team: text }, [
      "reference",
      "scope",
    ]),
  },
  extension_providers: texts,
});

const referencePolicies = {
  type: "array",
  items: open({ reference: text, policy }, ["reference"]),
} as const;

/** The shape of bundle-manifest.json. */
export const bundleManifestSchema: SchemaObject = open(
  {
    format_version: { const: "gtbundle-v1" },
    bundle_id: text,
    bundle_name: text,
    requested_mode: text,
    artifact_extension: { const: ".gtbundle" },
    generated_resolved_files: texts,
    generated_setup_files: texts,
    app_packs: texts,
    extension_providers: texts,
    resolved_targets: {
      type: "array",
      items: open(
        {
          path: text,
          tenant: text,
          team: text,
          default_policy: policy,
          tenant_gmap: text,
          team_gmap: text,
          app_pack_policies: referencePolicies,
        },
        ["tenant"],
      ),
    },
  },
  ["format_version", "bundle_id"],
);

/** The shape of bundle-lock.json; `digest` of a reference to a registry is what its tag meant when the bundle was built. */
export const bundleLockSchema: SchemaObject = open(
  {
    schema_version: { const: 1 },
    bundle_id: text,
    requested_mode: text,
    app_packs: { type: "array", items: open({ reference: text, digest: text }, ["reference"]) },
    extension_providers: { type: "array", items: open({ reference: text, digest: text }, ["reference"]) },
    setup_state_files: texts,
  },
  ["bundle_id"],
);

/** The shape of resolved/<tenant>[.<team>].yaml; a placeholder may be empty. */
export const resolvedSchema: SchemaObject = open({
  tenant: text,
  team: text,
  policy: open({ default: policy, source: open({ tenant_gmap: text, team_gmap: text }) }),
  app_packs: referencePolicies,
});
