import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { openShell, ROOT } from "./shell.ts";

test("docs/flow-tools.md holds word for word", { timeout: 240_000 }, async () => {
  verifies("docs.flow-tools");
  const shell = openShell();
  const said = new Map<string, string>();
  for (const { language, path, text } of blocksOf(readFileSync(join(ROOT, "docs/flow-tools.md"), "utf8"))) {
    if (path !== "") {
      const file = join(shell.dir, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    } else if (language === "sh") {
      for (const command of text.trim().split("\n")) {
        const result = await shell.run(command);
        expect(result, `${command}\n${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
        said.set(command, result.stdout);
      }
    }
  }
  expect(said.size).toBe(14);
  expect(said.get("gtc flow test greetings")).toMatch(
    /^ok {6}.*changes their mind {2}2 steps\nok {6}.*greets {2}2 steps\n$/,
  );
  expect(said.get("gtc flow delete-step greetings/flows/help.ygtc thanks --dry-run")).toContain("\n-  thanks:\n");
  expect(said.get("gtc flow graph greetings/flows/help.ygtc")).toContain("greeter.greet");
});
