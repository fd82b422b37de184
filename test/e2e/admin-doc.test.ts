import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { openShell, ROOT } from "./shell.ts";

const TOML = `[pack]\nname = "desk"\nversion = "1.0.0"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n`;
const FLOW = `id: main\ntype: messaging\nschema_version: 2\nstart: hello\nnodes:\n  hello: { message.send: { text: "hello" }, routing: out }\n`;

test("docs/admin.md holds word for word, on a free port", { timeout: 240_000 }, async () => {
  verifies("docs.admin", "admin.resources", "admin.audit");
  const shell = openShell();
  mkdirSync(join(shell.dir, "desk/flows"), { recursive: true });
  writeFileSync(join(shell.dir, "desk/pack.toml"), TOML);
  writeFileSync(join(shell.dir, "desk/flows/main.ygtc"), FLOW);
  writeFileSync(join(shell.dir, "greentic.demo.yaml"), "tenant: acme\n");
  for (const command of [
    "gtc pack build desk -o desk.gtpack",
    "gtc pack keygen --output publisher.pem",
    "gtc pack sign desk.gtpack --key publisher.pem",
  ])
    expect(await shell.run(command)).toMatchObject({ code: 0 });
  let host: HostProcess | undefined;
  let url = "http://127.0.0.1:8081";
  const here = (text: string): string => text.replaceAll("http://127.0.0.1:8081", url);
  const said = new Map<string, string>();
  try {
    for (const { language, path, text } of blocksOf(readFileSync(join(ROOT, "docs/admin.md"), "utf8"))) {
      if (path !== "") writeFileSync(join(shell.dir, path), text.replace('"127.0.0.1:8081"', '"127.0.0.1:0"'));
      if (language !== "sh") continue;
      let before = "";
      for (const command of text.trim().split("\n")) {
        if (command.startsWith("gtc start")) {
          host = await startHostProcess(shell.dir, { args: ["--port", "0", "--store", "memory"], cwd: shell.dir });
          await expect.poll(() => host?.said.join("\n"), { timeout: 20_000 }).toMatch(/admin http/);
          url = /admin (http:\S+)/.exec(host.said.join("\n"))?.[1] ?? "";
        } else if (/^(?:export|umask) /.test(command)) before += `${here(command)}; `;
        else {
          const more = command.startsWith("gtc admin request") ? ` --url ${url}` : "";
          const result = await shell.run(`${before}${command}${more}`);
          expect(result, `${command}\n${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
          said.set(command.replaceAll(/^.*\$API/g, "").replaceAll('"', ""), result.stdout);
        }
      }
    }
    // Draining and its end are one path.
    expect(said.size).toBe(11);
    expect(said.get("gtc admin token list")).toMatch(/ci {2}acme {2}publisher {2}living/);
    expect(JSON.parse(said.get("/tenants/acme/packs") ?? "")).toMatchObject({ running: true, signature: "valid" });
    expect(said.get("/tenants/acme/secrets")).not.toContain("hunter2");
    expect(said.get("/audit?limit=5")).toContain("host.undrain");
    const revoke = await shell.run(
      "id=$(gtc admin token list | grep ' ci ' | cut -d' ' -f1); gtc admin token revoke $id",
    );
    expect(revoke).toMatchObject({ code: 0 });
    const late = await shell.run(`gtc admin request GET whoami --token-file ci.token --url ${url}`);
    expect(late).toMatchObject({ code: 4, stderr: "401\n" });
    expect((await shell.run("gtc audit verify")).code).toBe(0);
    expect((await shell.run("gtc admin request GET whoami --url http://example.com")).code).toBe(2);
    expect(await host?.stop()).toBe(0);
  } finally {
    await host?.kill();
  }
});
