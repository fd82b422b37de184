/** An example as it stands, packed, signed and started in a place of its own: what its check needs and no more. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { buildPack, generateKeyFiles, loadSigningKey, signPackFile } from "../../src/pack/index.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

/** A running example. */
export interface ExampleHost extends AsyncDisposable {
  readonly url: string;
  /** What its host said on stderr. */
  readonly said: readonly string[];
  /** Somebody in the page's chat. */
  person(options?: { readonly tenant?: string; readonly locale?: string }): Promise<DirectLineClient>;
}

/** Runs an example's recorded conversations, then starts it; secrets are by `tenant/category/name`. */
export async function startExample(
  dir: string,
  options: {
    /** Origin → where it is here. */
    readonly rewrite?: Readonly<Record<string, string>>;
    readonly secrets?: Readonly<Record<string, string>>;
    /** Lines behind greentic.toml's. */
    readonly config?: string;
    /** Default one that is free. */
    readonly port?: number;
    /** What of the bundle is otherwise here, such as a port. */
    readonly bundle?: (text: string) => string;
  } = {},
): Promise<ExampleHost> {
  const place = mkdtempSync(join(tmpdir(), "greentic-example-"));
  cpSync(dir, place, { recursive: true, filter: (path) => !/\/(?:\.keys|dist|\.greentic)$/.test(path) });
  for (const folder of [".keys", "dist", "data"]) mkdirSync(join(place, folder), { mode: 0o700 });
  const key = join(place, ".keys/dev.pem");
  await generateKeyFiles(key);
  for (const pack of packsOf(place)) {
    await runConversations(pack);
    const { bytes, fileName } = await buildPack(pack, { probeComponent });
    writeFileSync(join(place, "dist", fileName), bytes);
    await signPackFile(join(place, "dist", fileName), await loadSigningKey(key));
  }
  const change = (file: string, by: (text: string) => string): void =>
    writeFileSync(join(place, file), by(readFileSync(join(place, file), "utf8")));
  change("greentic.demo.yaml", options.bundle ?? ((text) => text));
  change("greentic.toml", (text) => text + (options.config ?? ""));
  const secrets = Object.entries(options.secrets ?? {}).map(([path, value]) => {
    const [tenant, category, name] = path.split("/");
    return [`secrets://dev/${tenant}/_/${category}/${name}`, value];
  });
  writeFileSync(join(place, "data/secrets.json"), JSON.stringify(Object.fromEntries(secrets)), { mode: 0o600 });
  const rewrites = Object.entries(options.rewrite ?? {}).map(([from, to]) => `${from}=${to}`);
  const host: HostProcess = await startHostProcess(".", {
    cwd: place,
    args: ["--port", String(options.port ?? 0), "--data", join(place, "data"), "--strict"],
    env: { GREENTIC_HTTP_REWRITE: rewrites.join(","), GREENTIC_LOG_LEVEL: "warn" },
  });
  return {
    url: host.url,
    said: host.said,
    person: async (who = {}) => {
      const person = new DirectLineClient(() => host.url, who);
      await person.open();
      return person;
    },
    async [Symbol.asyncDispose]() {
      await host.stop();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

/** The directory itself, or those below `packs/`. */
function packsOf(place: string): readonly string[] {
  if (existsSync(join(place, "pack.yaml"))) return [place];
  return readdirSync(join(place, "packs")).map((name) => join(place, "packs", name));
}

/** Runs the recorded conversations, where there are any; one that goes wrong fails, with what it says. */
async function runConversations(pack: string): Promise<void> {
  if (!existsSync(join(pack, "tests"))) return;
  const args = [join(ROOT, "src/cli/main.ts"), "flow", "test", pack];
  await promisify(execFile)(process.execPath, args);
}
