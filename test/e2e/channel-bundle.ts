import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPack } from "../../src/pack/index.ts";

/** A flow that asks for a city of a list and notes it. */
export const CITY_FLOW = (cities: readonly string[]): string => `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: city, prompt: "Which *city*?", type: choice, choices: [${cities.join(", ")}] }
    routing: [{ to: done }]
  done: { message.send: { text: "Noted {{ask.answers.city}}." }, routing: out }
`;

/** Makes a directory with a bundle of one pack of one flow, served by channels; secrets are by channel and name. */
export async function makeChannelBundle(options: {
  readonly flow: string;
  /** Flows beside it, by name. */
  readonly more?: Readonly<Record<string, string>>;
  /** Lines below `providers:`. */
  readonly providers: string;
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
}): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-channel-"));
  mkdirSync(join(dir, "pack/flows"), { recursive: true });
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  const flows = { on_message: options.flow, ...options.more };
  for (const [name, text] of Object.entries(flows)) writeFileSync(join(dir, `pack/flows/${name}.ygtc`), text);
  const listed = Object.keys(flows).map((name) => `${name} = "flows/${name}.ygtc"\n`);
  writeFileSync(
    join(dir, "pack/pack.toml"),
    `[pack]\nname = "shop"\nversion = "1.0.0"\ndescription = "Takes orders"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["shop"]\n[flows]\n${listed.join("")}`,
  );
  const { bytes } = await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) });
  writeFileSync(join(dir, "shop.gtpack"), bytes);
  const apps = "apps:\n  shop: { pack: shop.gtpack, default_flow: on_message }\n";
  writeFileSync(join(dir, "greentic.demo.yaml"), `tenant: demo\nproviders:\n${options.providers}${apps}`);
  writeFileSync(join(dir, "greentic.toml"), "[security]\nreject_unsigned = false\n");
  const secrets: Record<string, string> = {};
  for (const [category, values] of Object.entries(options.secrets))
    for (const [name, value] of Object.entries(values)) secrets[`secrets://dev/demo/_/${category}/${name}`] = value;
  writeFileSync(join(dir, "data/secrets.json"), JSON.stringify(secrets), { mode: 0o600 });
  return dir;
}
