import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasPostgres, startPostgres } from "../stand-ins/postgres-server.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

const BUNDLE = join(ROOT, "examples/weather-demo");

describe.skipIf(!hasPostgres)("gtc start over PostgreSQL (skipped where it isn't installed)", () => {
  test("refuses a server that may lose messages, and says what to do; takes it where told, loudly", async () => {
    verifies("stores.postgres.strict");
    await using server = await startPostgres({ fsync: "off" });
    const env = { GREENTIC_POSTGRES_URL: `postgres://postgres:hunter2@127.0.0.1:${server.port}/postgres` };
    const refused = await startHostProcess(BUNDLE, { args: ["--port", "0"], env }).catch(String);
    expect(refused).toContain("host ended with 2");
    expect(refused).toContain('expected fsync "on", got "off"');
    expect(refused).toContain('durability = "relaxed"');
    expect(refused).not.toContain("hunter2");

    const cwd = mkdtempSync(join(tmpdir(), "greentic-postgres-"));
    writeFileSync(
      join(cwd, "greentic.toml"),
      '[postgres]\ndurability = "relaxed"\n[security]\nreject_unsigned = false\n',
    );
    const host = await startHostProcess(BUNDLE, {
      args: ["--port", "0"],
      env,
      cwd,
    });
    expect(await host.stop()).toBe(0);
    rmSync(cwd, { recursive: true });
    const said = host.said.join("\n");
    expect(said).toContain("a crash of the server may lose messages that were acknowledged");
    expect(said).not.toContain("hunter2");
  });
});
