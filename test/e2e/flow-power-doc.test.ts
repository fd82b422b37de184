import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { openShell, ROOT } from "./shell.ts";

test("docs/flow-power.md holds word for word", { timeout: 240_000 }, async () => {
  verifies("docs.flow-power");
  const shell = openShell();
  const said = new Map<string, string>();
  for (const { language, path, text } of blocksOf(readFileSync(join(ROOT, "docs/flow-power.md"), "utf8"))) {
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
  expect([...said.keys()]).toHaveLength(3);
  expect(said.get("gtc flow doctor shop")?.match(/ {2}ok$/gm)).toHaveLength(5);
  const drawn = said.get("gtc flow graph shop/flows/order.ygtc");
  expect(drawn).toMatch(/-\.->\|"undo"\| n\d/);
  expect(drawn).toMatch(/\[\["refund"\]\]/);
  expect(said.get("gtc flow test shop")?.match(/^ok /gm)).toHaveLength(4);
});
