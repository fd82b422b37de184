import type * as ServerLibrary from "@modelcontextprotocol/server";

/** The official server library; imported when a server opens, because it takes longer than everything else of a command. */
export type Sdk = typeof ServerLibrary;

/** Imports the official server library. */
export function loadSdk(): Promise<Sdk> {
  return import("@modelcontextprotocol/server");
}
