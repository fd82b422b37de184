import type { SchemaObject } from "ajv";
import { resolve } from "node:path";
import type { Deployment } from "../../target.ts";

/** `[desktop]` of deploy.toml. */
export const desktopSchema: SchemaObject = {
  type: "object",
  additionalProperties: false,
  properties: {
    manager: { enum: ["systemd", "launchd"] },
    host: { type: "string", pattern: "^[0-9a-zA-Z.:-]+$" },
    port: { type: "integer", minimum: 1, maximum: 65_535 },
    data_dir: { type: "string", minLength: 1 },
    memory: { type: "string", pattern: "^[0-9]+[KMG]$" },
  },
};

/** What a unit is made of. */
export interface DesktopSettings {
  readonly manager: "systemd" | "launchd";
  readonly host: string;
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly memory: string;
}

/** Gives the table its defaults. */
export function readDesktop({ table, machine }: Deployment): DesktopSettings {
  const { platform, home } = machine;
  const dataDir = table["data_dir"] as string | undefined;
  return {
    manager:
      (table["manager"] as DesktopSettings["manager"] | undefined) ?? (platform === "darwin" ? "launchd" : "systemd"),
    host: (table["host"] as string | undefined) ?? "127.0.0.1",
    port: (table["port"] as number | undefined) ?? 8080,
    // Where `gtc secrets set` and `bootstrap` write, unless it is to be another.
    dataDir: dataDir === undefined ? machine.dataDir : resolve(home, dataDir),
    memory: (table["memory"] as string | undefined) ?? "2G",
  };
}
