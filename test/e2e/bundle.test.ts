import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { startRegistryStandIn } from "../stand-ins/registry.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { openShell } from "./shell.ts";
import type { Shell } from "./shell.ts";

function write(shell: Shell, path: string, text: string): void {
  mkdirSync(dirname(join(shell.dir, path)), { recursive: true });
  writeFileSync(join(shell.dir, path), text);
}

/** Writes a pack that asks for a name and greets, in the words of its version. */
async function buildGreeter(shell: Shell, name: string, version: string): Promise<void> {
  write(
    shell,
    `source/${name}/pack.toml`,
    `[pack]\nname = "${name}"\nversion = "${version}"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n`,
  );
  write(
    shell,
    `source/${name}/flows/main.ygtc`,
    `id: main\ntype: messaging\nschema_version: 2\nentrypoints: { default: ask, "command:/${name}": ask }\nnodes:\n  ask: { qa: { questions: [{ id: name, prompt: "${name} ${version}?" }] }, routing: [{ to: hello }] }\n  hello: { message.send: { text: "${version} greets {{ask.answers.name}}" }, routing: out }\n`,
  );
  expect(await shell.run(`gtc pack build source/${name} -o ${name}.gtpack`)).toMatchObject({ code: 0 });
}

/** Waits for a line of the host's log, from now on. */
function lineOf({ child }: HostProcess, text: string): Promise<string> {
  return new Promise((found) => {
    if (child.stderr === null) throw new Error("no stderr");
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      if (!line.includes(text)) return;
      lines.close();
      found(line);
    });
  });
}

test(
  "gtc start takes in what a .gtbundle gets and lets go of what leaves it, while people are in its flows",
  { timeout: 120_000 },
  async () => {
    verifies("bundle.hot", "bundle.build", "bundle.partial");
    const shell = openShell();
    const image = join(shell.dir, "live.gtbundle");
    /** Puts a new image in the place of the running one, whole at once. */
    const build = async (): Promise<void> => {
      const built = await shell.run("gtc bundle build shop -o next.gtbundle --policy devok");
      expect(built).toMatchObject({ code: 0 });
      renameSync(join(shell.dir, "next.gtbundle"), image);
    };
    const apps = (...names: readonly string[]): void =>
      write(
        shell,
        "shop/greentic.demo.yaml",
        `bundle_name: shop\ntenant: acme\nproviders: { webchat: { type: webchat } }\napps:\n${names.map((name) => `  ${name}: { pack: packs/${name}.gtpack, default_flow: main }\n`).join("")}`,
      );
    await buildGreeter(shell, "desk", "1.0.0");
    expect(await shell.run("mkdir -p shop/packs && cp desk.gtpack shop/packs/")).toMatchObject({ code: 0 });
    apps("desk");
    await build();
    const host = await startHostProcess(image, {
      args: ["--policy", "devok", "--port", "0", "--data", join(shell.dir, "data"), "--env", "dev"],
      cwd: shell.dir,
    });
    try {
      const status = async (): Promise<unknown> => (await fetch(`${host.url}/status`)).json();
      const hears = async (client: DirectLineClient, text: string, answer: string): Promise<void> => {
        const before = client.heard.length;
        await client.say(text);
        const heard = await client.until(before + 1);
        expect(heard.at(-1)?.text).toBe(answer);
      };
      const talk = async (): Promise<DirectLineClient> => {
        const client = new DirectLineClient(() => host.url, { tenant: "acme" });
        await client.open();
        return client;
      };
      const early = await talk();
      await hears(early, "hi", "desk 1.0.0?");

      await buildGreeter(shell, "desk", "1.1.0");
      await buildGreeter(shell, "shop", "2.0.0");
      await shell.run("cp desk.gtpack shop.gtpack shop/packs/");
      apps("desk", "shop");
      const arrived = lineOf(host, "pack shop 2.0.0 of acme runs");
      await build();
      await arrived;
      await hears(await talk(), "hi", "desk 1.1.0?");
      const shopper = await talk();
      await hears(shopper, "/shop", "shop 2.0.0?");
      await hears(early, "Ann", "1.0.0 greets Ann");
      expect(await status()).toMatchObject({ packs: 2, refused: [] });

      apps("desk");
      const left = lineOf(host, "pack shop of acme is gone");
      await build();
      await left;
      await hears(shopper, "Bob", "2.0.0 greets Bob");
      await hears(await talk(), "/shop", "desk 1.1.0?");

      const damaged = lineOf(host, "packs stay as they were");
      write(shell, "next.gtbundle", "hsqs, and then nothing");
      renameSync(join(shell.dir, "next.gtbundle"), image);
      await damaged;
      await hears(await talk(), "hi", "desk 1.1.0?");
      expect(await status()).toMatchObject({ packs: 1 });
    } finally {
      await host.stop();
    }
  },
);

test("gtc bundle build locks what a tag means: a moved tag changes nothing in the image", async () => {
  verifies("bundle.lock");
  const shell = openShell();
  await using registry = await startRegistryStandIn();
  const reference = `oci://${registry.host}/acme/desk:stable`;
  const ok = async (command: string): Promise<string> => {
    const said = await shell.run(command);
    expect(said, `${command}\n${said.stderr}`).toMatchObject({ code: 0 });
    return said.stdout;
  };
  const push = async (version: string): Promise<void> => {
    await buildGreeter(shell, "desk", version);
    await ok(`gtc pack push desk.gtpack ${reference}`);
  };
  await push("1.0.0");
  write(shell, "shop/greentic.demo.yaml", `tenant: acme\napps:\n  desk: { pack: "${reference}" }\n`);
  const built = JSON.parse(await ok("gtc bundle build shop -o shop.gtbundle --policy devok --json")) as {
    readonly locked: readonly { readonly reference: string; readonly digest: string }[];
  };
  const [lock] = built.locked;
  expect(built.locked).toEqual([{ reference, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string }]);
  await push("2.0.0");
  // Another machine, which has seen neither.
  const inspected = JSON.parse(
    await ok(`GREENTIC_DATA_DIR=elsewhere gtc bundle inspect shop.gtbundle --policy devok --json`),
  ) as unknown;
  expect(inspected).toMatchObject({
    apps: [{ location: `oci://${registry.host}/acme/desk@${lock?.digest ?? ""}`, pack: { version: "1.0.0" } }],
  });
});
