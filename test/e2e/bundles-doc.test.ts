import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { startHostProcess } from "./host-process.ts";
import { openShell, ROOT } from "./shell.ts";

test("docs/bundles.md holds word for word", { timeout: 120_000 }, async () => {
  verifies("docs.bundles");
  const shell = openShell();
  const said = new Map<string, string>();
  for (const { language, path, text } of blocksOf(readFileSync(join(ROOT, "docs/bundles.md"), "utf8"))) {
    if (path !== "") {
      mkdirSync(dirname(join(shell.dir, path)), { recursive: true });
      writeFileSync(join(shell.dir, path), text);
    } else if (language === "sh") {
      for (const command of text.trim().split("\n")) {
        const result = await shell.run(command);
        expect(result, `${command}\n${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
        said.set(command, result.stdout);
      }
    }
  }
  expect(said.size).toBe(8);
  expect(said.get("gtc bundle doctor shop")).toBe("shop/greentic.demo.yaml  ok\n");
  expect(JSON.parse(said.get("gtc bundle inspect shop.gtbundle --json") ?? "")).toMatchObject({
    id: "shop",
    apps: [{ name: "greeter", access: "public", pack: { signature: "valid" } }],
  });
  const host = await startHostProcess(join(shell.dir, "shop.gtbundle"), {
    args: ["--port", "0", "--data", join(shell.dir, "data")],
    cwd: shell.dir,
  });
  const status: unknown = await (await fetch(`${host.url}/status`)).json();
  expect(await host.stop()).toBe(0);
  expect(status).toMatchObject({ packs: 1, refused: [] });
});
