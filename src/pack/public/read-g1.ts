import type { JsonObject } from "../../types/index.ts";
import { neededText, objectOf, objectsOf, textOf, textsOf } from "./json-fields.ts";
import type { PublicManifest } from "./public-manifest.ts";

/**
 * Reads the manifest of 2025: `meta`, and flows and components as files.
 * @throws PACK_MANIFEST_INVALID naming the field
 * @see upstream reference §2.3
 */
export function readG1(root: JsonObject): PublicManifest {
  const meta = objectOf(root["meta"]);
  return {
    generation: "g1",
    packId: neededText(meta["pack_id"], "meta.pack_id"),
    title: textOf(meta["name"]),
    version: neededText(meta["version"], "meta.version"),
    kind: textOf(meta["kind"]) ?? "application",
    description: textOf(meta["description"]) ?? textOf(meta["name"]) ?? "",
    authors: textsOf(meta["authors"]),
    components: objectsOf(root["components"]).map((item, i) => ({
      id: neededText(item["name"], `components[${i}].name`),
      version: textOf(item["version"]),
      world: textOf(item["world"]) ?? "",
      capabilities:
        item["capabilities"] === undefined || item["capabilities"] === null
          ? undefined
          : objectOf(item["capabilities"]),
      operations: [],
      configSchema: null,
      configFlows: new Map(),
      wasmPath: textOf(item["file_wasm"]),
    })),
    flows: objectsOf(root["flows"]).map((item, i) => ({
      id: neededText(item["id"], `flows[${i}].id`),
      kind: textOf(item["kind"]) ?? "messaging",
      source: { kind: "filed", json: textOf(item["file_json"]), yaml: textOf(item["file_yaml"]) },
    })),
    dependencies: objectsOf(meta["imports"]).flatMap((item) => {
      const packId = textOf(item["pack_id"]);
      return packId === undefined ? [] : [{ packId, req: textOf(item["version_req"]) ?? "*" }];
    }),
    capabilities: [],
    secrets: [],
    extensions: new Map(),
    signatures: [],
  };
}
