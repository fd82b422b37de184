/** Reads what the public tools wrote, for tests only: archives of any ZIP profile, manifests with symbols. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { decodeCborJson, isJsonObject } from "../../src/types/index.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";

/** All files below a directory with one of these endings, by full path. */
export function filesBelow(dir: string, endings: readonly string[]): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The entries of an archive by path, found through its central directory. */
export function readArchiveEntries(file: string): ReadonlyMap<string, Uint8Array> {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  const entries = new Map<string, Uint8Array>();
  if (end < 0) return entries;
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const path = bytes.toString("utf8", at + 46, at + 46 + (nameLength ?? 0));
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
    if (!path.endsWith("/")) entries.set(path, bytes.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed));
    at += 46 + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
  }
  return entries;
}

/** A flow that a public manifest carries: compiled, or the graph of a component's configuration. */
export interface EmbeddedFlow {
  readonly name: string;
  readonly kind: "compiled" | "graph";
  readonly flow: JsonValue;
}

/** The flows of a public manifest.cbor, their symbols resolved to names. */
export function embeddedFlows(manifest: Uint8Array): readonly EmbeddedFlow[] {
  const value = objectOf(decodeCborJson(manifest, { maxBytes: 64 << 20 }));
  const symbols = objectOf(value["symbols"]);
  const nameOf = (table: string, id: JsonValue | undefined): JsonValue =>
    typeof id === "number" ? (listOf(symbols[table])[id] ?? id) : (id ?? null);
  const compiled = listOf(value["flows"]).flatMap((item): EmbeddedFlow[] => {
    const flow = objectOf(objectOf(item)["flow"]);
    const nodes = listOf(flow["nodes"]).map((node) => resolveNode(objectOf(node), nameOf));
    return typeof flow["id"] === "string" ? [{ name: flow["id"], kind: "compiled", flow: { ...flow, nodes } }] : [];
  });
  const graphs = listOf(value["components"]).flatMap((component) =>
    Object.entries(objectOf(objectOf(component)["dev_flows"])).map(([name, flow]): EmbeddedFlow => ({
      name,
      kind: "graph",
      flow: objectOf(flow)["graph"] ?? null,
    })),
  );
  return [...compiled, ...graphs];
}

function resolveNode(node: JsonObject, nameOf: (table: string, id: JsonValue | undefined) => JsonValue): JsonObject {
  const component = objectOf(node["component"]);
  const { routing } = node;
  const next = objectOf(objectOf(routing)["Next"])["node_id"];
  return {
    ...node,
    id: nameOf("node_ids", node["id"]),
    component: { ...component, id: nameOf("component_ids", component["id"]) },
    ...(next === undefined ? {} : { routing: { Next: { node_id: nameOf("node_ids", next) } } }),
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
