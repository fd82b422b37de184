import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { answerRunnerCheck } from "../../conformance/index.ts";
import { ERROR_CODES, exitCodeOf, GreenticError } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { defineCommand, printJson, textOption, timeoutOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { readPackInput } from "../pack-input.ts";

const MAX_ACTIVITY = 1 << 20;

export default defineCommand({
  summary: "Answer a conformance judge: run one activity from standard input, cut off from everything",
  arguments: [{ name: "pack", summary: "the pack, whoever signed it" }],
  options: [
    { flags: "--data <dir>", summary: "the data directory, below which its sessions are kept" },
    { flags: "--timeout <ms>", summary: "how long the turn may take", default: "30000" },
  ],
  examples: ["echo hello | SESSION_ID=one gtc runner answer weather.gtpack"],
  async run(input, io) {
    const pack = await readPackInput(io, input.args[0] ?? "");
    const { dataDir } = loadConfig({
      cwd: io.cwd,
      environment: io.environment,
      flags: { data: textOption(input, "data") },
    });
    // Sessions of a judge stay apart from those of people, and only somebody who names one goes on in it.
    const own = io.environment["SESSION_ID"] === undefined ? undefined : join(dataDir, "conformance");
    if (own !== undefined) await mkdir(own, { recursive: true, mode: 0o700 });
    const answer = await answerRunnerCheck({
      pack,
      activity: await readActivity(io),
      environment: io.environment,
      nowMs: io.nowMs(),
      ...(own !== undefined && { dataDir: own }),
      timeoutMs: timeoutOption(input),
    });
    printJson(io, answer);
    if (answer.error === undefined) return 0;
    const { code } = answer.error;
    return exitCodeOf(Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as ErrorCode].kind : "internal");
  },
});

async function readActivity(io: CommandIo): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_ACTIVITY)
      throw new GreenticError("CLI_USAGE_INVALID", `Read activity: expected at most ${MAX_ACTIVITY} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
