import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentHost } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { ProcessComponentHost } from "../process/process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { echoCommand } from "./testing/echo-command.ts";

const hosts: readonly (readonly [string, () => ComponentHost])[] = [
  ["in this process", () => new InProcessComponentHost()],
  ["in its own", () => new ProcessComponentHost({ poolSize: 1 })],
];

describe.each(hosts)("a command %s", (_name, open) => {
  const host = open();
  let sha256 = "";
  beforeAll(async () => {
    const info = await host.admit(await echoCommand(), NO_GRANTS);
    expect(info.abi).toBe("command");
    sha256 = info.sha256;
  });
  afterAll(() => host[Symbol.asyncDispose]());
  const run = async (input: JsonValue, operation = "run") => {
    const services = memoryServices();
    const result = await host.invoke(ctxOf(), {
      sha256,
      component: "c",
      operation,
      input,
      grants: NO_GRANTS,
      services,
    });
    return result.kind === "ok" ? { output: result.output, log: result.stats.log } : { error: result.error };
  };

  test("takes arguments and stdin, gives its exit code and stdout", async () => {
    const stdin = "in, ";
    expect(await run({ args: ["größe"], stdin })).toEqual({ output: { exit_code: 0, stdout: "in, größe" }, log: "" });
    expect(await run({ args: ["b"], stdin: { a: 1 } })).toEqual({
      output: { exit_code: 0, stdout: '{"a":1}b' },
      log: "",
    });
  });

  test("fails with its exit code and what it wrote", async () => {
    expect(await run("text")).toEqual({
      error: {
        code: "COMPONENT_FAILED",
        message: "The command exited with code 1",
        retryable: false,
        details: { exit_code: 1, stdout: "text" },
      },
    });
  });

  test("refuses arguments that are none, and operations that it doesn't have", async () => {
    expect(await run({ args: [1] })).toMatchObject({
      error: { code: "COMPONENT_INPUT_INVALID", message: 'Call component: "/args" wants a list of at most 256 texts' },
    });
    expect(await run({}, "rum")).toMatchObject({
      error: {
        code: "COMPONENT_OPERATION_UNKNOWN",
        message: 'Call component: no operation "rum"; did you mean "run"?',
      },
    });
  });

  test("describes what it takes, the same for every asker", async () => {
    const description = await host.describe(sha256);
    expect(description).toMatchObject({
      operations: [{ name: "run", outputSchema: { required: ["exit_code", "stdout"] } }],
    });
    expect(await host.describe(sha256)).toBe(description);
    await expect(host.describe("0".repeat(64))).rejects.toMatchObject({ code: "COMPONENT_NOT_ADMITTED" });
  });
});
