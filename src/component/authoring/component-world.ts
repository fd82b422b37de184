import { HOST_INTERFACES, MCP_ROUTER } from "../../interfaces/index.ts";
import type { ComponentSource } from "./component-source.ts";

/** The name of the world that {@link componentWorld} writes. */
export const BUILT_WORLD = "built";

/** Writes the WIT of a component's world: its exports, and one import for each thing that it asks for. */
export function componentWorld({ world, grants, telemetry }: ComponentSource): string {
  const imports = [
    ...(grants.http.length > 0 ? [HOST_INTERFACES.http] : []),
    ...(grants.secrets.length > 0 ? [HOST_INTERFACES.secrets] : []),
    ...(grants.state === "none" ? [] : [HOST_INTERFACES.state]),
    ...(grants.tools.length > 0 ? [HOST_INTERFACES.tools] : []),
    ...(grants.assets ? [HOST_INTERFACES.assets] : []),
    ...(telemetry ? [HOST_INTERFACES.telemetry] : []),
  ];
  const body = world === "mcp" ? `export ${MCP_ROUTER};` : "include greentic:component/component;";
  return [
    "package greentic:build;",
    `world ${BUILT_WORLD} {`,
    ...imports.map((name) => `  import ${name};`),
    `  ${body}`,
    "}",
    "",
  ].join("\n");
}
