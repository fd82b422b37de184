import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildComponent, newComponent } from "../../src/component/index.ts";
import type { BuiltComponent } from "../../src/component/index.ts";

/** The router of the revision that adapters import. */
export const ROUTER = "wasix:mcp/router@25.6.18";

/** Builds the MCP component of our own template, for adapters that come without a router of their own. */
export async function buildRouter(): Promise<BuiltComponent> {
  const directory = await mkdtemp(join(tmpdir(), "greentic-router-"));
  try {
    await newComponent(join(directory, "router"), { name: "greeter", world: "mcp" });
    return await buildComponent(join(directory, "router"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
