import { isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { invalidField, listOf, neededText, objectOf, objectsOf, textOf, textsOf } from "./json-fields.ts";
import type { PublicComponent, PublicExtension, PublicFlow, PublicManifest, PublicSecret } from "./public-manifest.ts";

/**
 * Reads the pack-v1 manifest of 2026. Every reference is a text, or an index into one of the manifest's symbol tables.
 * @throws PACK_MANIFEST_INVALID naming the field, where an index leads nowhere too
 * @see upstream reference §2.2
 */
export function readPackV1(root: JsonObject, container: "zip" | "tar"): PublicManifest {
  const symbols = new Symbols(root["symbols"]);
  return {
    generation: container === "tar" ? "tar" : symbols.areThere ? "g3" : "g2",
    packId: symbols.name("pack_ids", root["pack_id"], "pack_id"),
    title: textOf(root["name"]),
    version: neededText(root["version"], "version"),
    kind: textOf(root["kind"]) ?? "application",
    description: textOf(root["description"]) ?? textOf(root["name"]) ?? "",
    authors: [textOf(root["publisher"])].filter((publisher) => publisher !== undefined),
    components: objectsOf(root["components"]).map((item, i) => readComponent(item, symbols, `components[${i}]`)),
    flows: objectsOf(root["flows"]).map((item, i) => readFlow(item, symbols, `flows[${i}]`)),
    dependencies: objectsOf(root["dependencies"]).map((item, i) => ({
      packId: symbols.name("pack_ids", item["pack_id"], `dependencies[${i}].pack_id`),
      req: textOf(item["version_req"]) ?? "*",
    })),
    capabilities: objectsOf(root["capabilities"]).map((item, i) =>
      symbols.name("capability_names", item["name"], `capabilities[${i}].name`),
    ),
    secrets: readSecrets(root["secret_requirements"]),
    extensions: readExtensions(root["extensions"]),
    signatures: objectsOf(objectOf(root["signatures"])["signatures"]),
  };
}

type SymbolTable = "component_ids" | "node_ids" | "capability_names" | "pack_ids";

/** The manifest's tables of names. */
class Symbols {
  readonly areThere: boolean;
  readonly #tables: JsonObject;

  constructor(value: JsonValue | undefined) {
    this.areThere = value !== undefined && isJsonObject(value);
    this.#tables = objectOf(value);
  }

  /** @throws PACK_MANIFEST_INVALID where there is no such symbol */
  name(table: SymbolTable, value: JsonValue | undefined, where: string): string {
    if (typeof value !== "number") return neededText(value, where);
    const entries = listOf(this.#tables[table]);
    const name = entries[value];
    if (typeof name === "string") return name;
    throw invalidField(where, `symbol ${value} is none of the ${entries.length} in ${table}`);
  }
}

function readComponent(item: JsonObject, symbols: Symbols, where: string): PublicComponent {
  return {
    id: symbols.name("component_ids", item["id"], `${where}.id`),
    version: textOf(item["version"]),
    world: textOf(item["world"]) ?? "",
    capabilities: item["capabilities"] === undefined ? undefined : objectOf(item["capabilities"]),
    operations: objectsOf(item["operations"]).flatMap(({ name }) => textOf(name) ?? []),
    configSchema: item["config_schema"] ?? null,
    configFlows: new Map(
      Object.entries(objectOf(item["dev_flows"])).flatMap(([name, flow]) => {
        const { graph } = objectOf(flow);
        return graph === undefined ? [] : [[name, graph] as const];
      }),
    ),
    wasmPath: undefined,
  };
}

function readFlow(item: JsonObject, symbols: Symbols, where: string): PublicFlow {
  const flow = objectOf(item["flow"]);
  const id = neededText(flow["id"] ?? item["id"], `${where}.id`);
  const kind = textOf(item["kind"]) ?? textOf(flow["kind"]) ?? "messaging";
  const nodeName = (value: JsonValue | undefined, place: string): string =>
    symbols.name("node_ids", value, `${where}.${place}`);
  const entrypoints = Object.fromEntries(
    Object.entries(objectOf(flow["entrypoints"])).map(([name, node]) => [
      name,
      nodeName(node, `entrypoints.${quote(name)}`),
    ]),
  );
  const nodes = nodesOf(flow["nodes"]).map((node, i): JsonObject => {
    const component = objectOf(node["component"]);
    const place = `nodes[${i}]`;
    return {
      ...node,
      id: nodeName(node["id"], `${place}.id`),
      component: {
        ...component,
        id: symbols.name("component_ids", component["id"], `${where}.${place}.component.id`),
      },
      routing: readRouting(node["routing"], (value) => nodeName(value, `${place}.routing`)),
    };
  });
  return { id, kind, source: { kind: "embedded", flow: { ...flow, id, kind, entrypoints, nodes } } };
}

/** Nodes are a list with ids, or a map by id. */
function nodesOf(nodes: JsonValue | undefined): readonly JsonObject[] {
  if (nodes === undefined || !isJsonObject(nodes)) return objectsOf(nodes);
  return Object.entries(nodes).map(([id, node]) => ({ id, ...objectOf(node) }));
}

function readRouting(routing: JsonValue | undefined, name: (value: JsonValue | undefined) => string): JsonValue {
  const { Next: next, Branch: branch } = objectOf(routing);
  if (next !== undefined) return { Next: { node_id: name(objectOf(next)["node_id"]) } };
  if (branch === undefined) return routing ?? "End";
  const { on_status: onStatus, default: otherwise } = objectOf(branch);
  const named = Object.entries(objectOf(onStatus)).map(([status, node]) => [status, name(node)] as const);
  return {
    Branch: {
      on_status: Object.fromEntries(named),
      ...(otherwise === undefined || otherwise === null ? {} : { default: name(otherwise) }),
    },
  };
}

function readSecrets(value: JsonValue | undefined): readonly PublicSecret[] {
  return objectsOf(value).flatMap(({ key, required }) =>
    typeof key === "string" ? [{ key, required: required !== false }] : [],
  );
}

function readExtensions(value: JsonValue | undefined): ReadonlyMap<string, PublicExtension> {
  return new Map(
    Object.entries(objectOf(value)).map(([id, extension]) => {
      const { version, inline = null } = objectOf(extension);
      return [id, { version: textOf(version), inline }];
    }),
  );
}

/** Reads the names in a component's list of secrets, which older manifests write as texts. */
export function secretKeys(value: JsonValue | undefined): readonly string[] {
  return [...textsOf(value), ...objectsOf(value).flatMap(({ key }) => textOf(key) ?? [])];
}
