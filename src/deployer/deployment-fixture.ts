import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envId } from "../types/index.ts";
import type { Deployment } from "./target.ts";

/** A deployment of a test, in a directory of its own. */
export function makeDeployment(parts: Partial<Deployment> = {}): Deployment {
  const home = mkdtempSync(join(tmpdir(), "greentic-deploy-"));
  const bytes = Buffer.from("a bundle");
  return {
    name: "shop",
    env: envId("prod"),
    bundle: join(home, "shop"),
    packed: () =>
      Promise.resolve({
        bytes,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        packs: [{ name: "greeter", version: "0.1.0", packHash: "ab".repeat(32) }],
      }),
    image: "registry.example.com/acme/shop:1.0.0",
    config: new Map([["greentic.toml", "[security]\nreject_unsigned = true\n"]]),
    secrets: ["prod.acme._.messaging-slack.slack_bot_token"],
    table: {},
    at: () => undefined,
    ...parts,
    machine: {
      platform: "linux",
      home,
      node: process.execPath,
      main: "/opt/greentic/src/cli/main.ts",
      root: join(home, "package"),
      dataDir: join(home, ".greentic"),
      configHome: join(home, ".config"),
      ...parts.machine,
    },
  };
}
