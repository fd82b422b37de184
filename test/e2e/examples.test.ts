/** The examples, each held to its own check on a real host; the weather demo's needs its built pack and runs with `npm run examples`. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { ROOT } from "./shell.ts";

const EXAMPLES = join(ROOT, "examples");
const checked = readdirSync(EXAMPLES).filter(
  (name) => name !== "weather-demo" && existsSync(join(EXAMPLES, name, "check.ts")),
);
const run = promisify(execFile);

test.each(checked)(
  "example %s does what its README says",
  async (name) => {
    verifies("examples.stories");
    const { stdout } = await run(process.execPath, [join(EXAMPLES, name, "check.ts")], { timeout: 100_000 });
    expect(stdout).toMatch(/^ok {2}/m);
    expect(existsSync(join(EXAMPLES, name, "README.md"))).toBe(true);
  },
  110_000,
);

test("the weather demo understands a sentence where a model is lent, and asks where none is", async () => {
  verifies("demo.rewrite");
  const { stdout } = await run(process.execPath, [
    join(ROOT, "src/cli/main.ts"),
    "flow",
    "test",
    join(EXAMPLES, "weather-demo"),
  ]);
  expect(stdout).toMatch(/^ok .*understands a sentence where a model is lent/m);
}, 60_000);
