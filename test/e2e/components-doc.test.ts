import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { openShell, ROOT } from "./shell.ts";

/** Runs `gtc dev` until it is ready, then interrupts it. */
async function develop(dir: string): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "dev", "--port", "0"], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: dir },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.includes("ready ")) child.kill("SIGINT");
  });
  await new Promise((done) => child.once("exit", done));
  return said;
}

test("docs/components.md holds word for word", { timeout: 180_000 }, async () => {
  verifies("docs.components");
  const shell = openShell();
  const said = new Map<string, string>();
  for (const { language, path, text } of blocksOf(readFileSync(join(ROOT, "docs/components.md"), "utf8"))) {
    if (path !== "") {
      const file = join(shell.dir, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    } else if (language === "sh") {
      for (const command of text.trim().split("\n")) {
        if (command === "gtc dev") said.set(command, await develop(shell.dir));
        else {
          const result = await shell.run(command);
          expect(result, `${command}\n${result.stderr}`).toMatchObject({ code: 0 });
          said.set(command, result.stdout);
        }
      }
    }
  }
  expect(said.get(`gtc component test greeter --op greet --input '{"name":"Ada"}' --locale es`)).toContain(
    "¡Hola, Ada!",
  );
  expect(said.get("gtc component inspect greeter/dist/greeter.wasm --describe")).toContain("greeter  0.2.0");
  expect(said.get("gtc dev")).toMatch(/^ready http:.*\ndraining\n$/);
  // The pack was built by then, with the component that gtc dev made.
  const flow = `gtc runner load --pack greetings-0.1.0.gtpack --allow-unsigned --tenant demo && gtc runner run-flow --tenant demo --input`;
  expect(await shell.run(`${flow} '{"text":"Ada"}'`)).toMatchObject({ stdout: expect.stringContaining("Hello, Ada!") });
  expect(await shell.run(`${flow} '{"text":"nobody"}'`)).toMatchObject({
    stdout: expect.stringContaining("I can't greet that."),
  });
});
