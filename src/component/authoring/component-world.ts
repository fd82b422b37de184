import { HOST_INTERFACES, MCP_ROUTER, NODE_EXPORTS } from "../../interfaces/index.ts";
import type { ComponentSource } from "./component-source.ts";

/** The name of the world that {@link componentWorld} writes. */
export const BUILT_WORLD = "built";

type HostModule = keyof typeof HOST_INTERFACES;

/** The host's interfaces that a component asks for, by the name that its code has for them. */
function hostModules({ grants, telemetry }: ComponentSource): readonly HostModule[] {
  return [
    ...(grants.http.length > 0 ? (["http"] as const) : []),
    ...(grants.secrets.length > 0 ? (["secrets"] as const) : []),
    ...(grants.secretsWrite.length > 0 ? (["secretsWrite"] as const) : []),
    ...(grants.oauth.length > 0 ? (["oauth"] as const) : []),
    ...(grants.state === "none" ? [] : (["state"] as const)),
    ...(grants.tools.length > 0 ? (["tools"] as const) : []),
    ...(grants.assets ? (["assets"] as const) : []),
    ...(telemetry ? (["telemetry"] as const) : []),
  ];
}

/** Writes the WIT of a component's world: its exports, and one import for each thing that it asks for. */
export function componentWorld(source: ComponentSource): string {
  return [
    "package greentic:build;",
    `world ${BUILT_WORLD} {`,
    ...hostModules(source).map((name) => `  import ${HOST_INTERFACES[name]};`),
    ...exportsOf(source).map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

function exportsOf({ world }: ComponentSource): readonly string[] {
  if (world === "node") return NODE_EXPORTS.map((name) => `export ${name};`);
  return [world === "mcp" ? `export ${MCP_ROUTER};` : "include greentic:component/component;"];
}

/** Writes the module that binds what `defineComponent` made to the host's modules, and exports what the world wants. */
export function nodeEntry(source: ComponentSource): string {
  const modules = hostModules(source);
  return [
    `import * as entry from ${JSON.stringify(`./${source.entry}`)};`,
    ...modules.map((name) => `import * as ${name} from ${JSON.stringify(HOST_INTERFACES[name])};`),
    'if (typeof entry.default?.bind !== "function") throw new TypeError("the entry has no default export of defineComponent()");',
    `export const { node, componentQa, componentI18n } = entry.default.bind({ ${modules.join(", ")} });`,
    "",
  ].join("\n");
}
