import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import { ComponentErr, Trap } from "../linker/index.ts";
import type { Family, FamilyAnswer, GuestWorld } from "./family.ts";
import { failure } from "./guest-error.ts";
import { operationUnknown } from "./operation-unknown.ts";

/** As `argv[0]`. */
const PROGRAM = "component";
const MAX_ARGS = 256;

/**
 * Commands: `run` takes `{ args, stdin }`, a bare text being stdin, and gives `{ exit_code, stdout }`; what goes to stderr is
 * in the call's log. An exit code but 0 is a failure with the same in its details.
 */
export const command: Family = {
  abi: "command",
  bind(exports) {
    const ref = exports.find("wasi:cli/run@0.2.", "run");
    if (ref === undefined) return undefined;
    return {
      abi: "command",
      operations: ["run"],
      isOpen: false,
      world: ({ input }) => worldOf(input),
      async call(instance, { operation, stdout }) {
        if (operation !== "run" && operation !== "") throw operationUnknown(operation, ["run"]);
        const exitCode = await exitCodeOf(instance.call(ref, []));
        return answerOf(exitCode, stdout?.() ?? new Uint8Array(0));
      },
      describe: () =>
        Promise.resolve({
          operations: [
            {
              name: "run",
              inputSchema: {
                type: "object",
                properties: { args: { type: "array", items: { type: "string" } }, stdin: {} },
              },
              outputSchema: {
                type: "object",
                properties: { exit_code: { type: "integer" }, stdout: { type: "string" } },
                required: ["exit_code", "stdout"],
              },
            },
          ],
          i18nKeys: [],
        }),
    };
  },
};

function worldOf(input: JsonValue): GuestWorld {
  const record = isJsonObject(input) ? input : { stdin: input };
  const args = record["args"] ?? [];
  if (!Array.isArray(args) || args.length > MAX_ARGS || !args.every((arg) => typeof arg === "string")) {
    throw new GreenticError(
      "COMPONENT_INPUT_INVALID",
      `Call component: "/args" wants a list of at most ${MAX_ARGS} texts`,
    );
  }
  const stdin = record["stdin"] ?? "";
  return {
    args: [PROGRAM, ...(args as readonly string[])],
    stdin: new TextEncoder().encode(typeof stdin === "string" ? stdin : JSON.stringify(stdin)),
  };
}

async function exitCodeOf(running: Promise<unknown>): Promise<number> {
  try {
    await running;
    return 0;
  } catch (error) {
    if (error instanceof ComponentErr) return 1;
    if (error instanceof Trap && error.reason === "exit" && error.exitCode !== undefined) return error.exitCode;
    throw error;
  }
}

function answerOf(exitCode: number, stdout: Uint8Array): FamilyAnswer {
  const output = { exit_code: exitCode, stdout: new TextDecoder().decode(stdout) };
  if (exitCode === 0) return { kind: "ok", output };
  return failure({
    code: "COMPONENT_FAILED",
    message: `The command exited with code ${exitCode}`,
    retryable: false,
    details: output,
  });
}
