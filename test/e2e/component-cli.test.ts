import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { openShell } from "./shell.ts";

const MAIN = `import { defineComponent, s } from "greentic/component-sdk";

export default defineComponent({
  name: "counter",
  version: "1.0.0",
  operations: {
    add: {
      input: s.object({ by: s.integer() }),
      output: s.any(),
      run: ({ by }, ctx) => {
        if (by < 0) throw new RangeError("only up");
        const total = Number(ctx.state.get("total") ?? 0) + by;
        ctx.state.set("total", total);
        const { status } = ctx.http.fetch("https://x.test/count", { json: { total } });
        return { total, status, key: ctx.secrets.get("key").length };
      },
    },
  },
});
`;
const MANIFEST =
  'name = "counter"\nworld = "node"\n[grants]\nstate = "read-write"\nhttp = ["https://x.test"]\nsecrets = ["key"]\n';

describe("gtc component test", () => {
  const shell = openShell();
  const call = "gtc component test counter/dist/counter.wasm --op add --http-stub stubs.json";

  beforeAll(async () => {
    expect(await shell.run("gtc component new counter")).toMatchObject({ code: 0 });
    writeFileSync(join(shell.dir, "counter/src/main.ts"), MAIN);
    writeFileSync(join(shell.dir, "counter/component.toml"), MANIFEST);
    writeFileSync(
      join(shell.dir, "stubs.json"),
      '[{ "method": "POST", "url": "https://x.test/count", "status": 202, "body": {} }]',
    );
    writeFileSync(join(shell.dir, "before.json"), '{ "total": 4, "other": [1] }');
    expect(await shell.run("gtc component build counter")).toMatchObject({ code: 0 });
  });

  test("gives declared secrets, stubs and state, and reports as JSON", async () => {
    verifies("component.test");
    const said = await shell.run(
      `${call} --input '{"by":3}' --secret key=abcd --state-in before.json --state-out after.json --max-memory 16 --json`,
    );
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(said.stdout)).toMatchObject({
      ok: true,
      output: { total: 7, status: 202, key: 4 },
      hostCalls: [
        "greentic:state/state-store@1.0.0#read",
        "greentic:state/state-store@1.0.0#write",
        "greentic:http/http-client@1.1.0#send",
        "greentic:secrets-store/secrets-store@1.0.0#get",
      ],
      fuel: expect.any(Number),
      wallMs: expect.any(Number),
      peakMemoryBytes: expect.any(Number),
      log: "",
      state: { total: 7, other: [1] },
    });
    expect(JSON.parse(readFileSync(join(shell.dir, "after.json"), "utf8"))).toEqual({ total: 7, other: [1] });
  });

  test("gives no secret that isn't declared, and shows the author's line of what broke", async () => {
    expect(await shell.run(`${call} --input '{"by":3}'`)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("SECRETS_DENIED"),
    });
    const said = await shell.run(`${call} --input '{"by":-1}'`);
    const line = MAIN.split("\n").findIndex((text) => text.includes("only up")) + 1;
    expect(said).toMatchObject({ code: 1, stdout: expect.stringContaining("RangeError: only up") });
    expect(said.stderr).toContain(`src/main.ts:${line}:`);
    expect(said.stderr).toContain('throw new RangeError("only up");');
  });

  test("runs the cases of a source, and fails with what differs", async () => {
    const said = await shell.run("gtc component test counter");
    expect(said.code).toBe(1);
    expect(said.stdout).toContain("FAILED  greet");
    expect(said.stdout).toContain("OPERATION_UNKNOWN");
  });
});
