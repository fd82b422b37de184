/** Makes provider packs of components, for tests. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectComponent } from "../../src/component/index.ts";
import { buildPack } from "../../src/pack/index.ts";

export interface ProviderPackFiles {
  readonly name: string;
  /** Lines below `[provider]`. */
  readonly provider: string;
  /** Name → its bytes, and its grants in TOML. */
  readonly components: Readonly<Record<string, { readonly bytes: Uint8Array; readonly grants?: string }>>;
  /** Lines below `[secrets]`. */
  readonly secrets?: string;
  /** Lines below `[config]`. */
  readonly config?: string;
}

/** Builds a provider pack and returns the archive. */
export async function makeProviderPack(files: ProviderPackFiles): Promise<Uint8Array> {
  const { name, provider, components, secrets = "", config = "" } = files;
  const dir = mkdtempSync(join(tmpdir(), "greentic-provider-"));
  mkdirSync(join(dir, "components"));
  const listed = Object.entries(components).map(([component, { bytes, grants = "" }]) => {
    writeFileSync(join(dir, `components/${component}.wasm`), bytes);
    return `[components.${component}]\n[components.${component}.grants]\n${grants}\n`;
  });
  writeFileSync(
    join(dir, "pack.toml"),
    `[pack]\nname = "${name}"\nversion = "1.0.0"\n[capabilities]\nid = "greentic.cap.messaging.provider.v1"\nprovides = ["${name}"]\n[provider]\n${provider}\n[secrets]\n${secrets}\n[config]\n${config}\n${listed.join("")}`,
  );
  const { bytes } = await buildPack(dir, {
    probeComponent: (wasm) => ({ abi: inspectComponent(wasm).abi, world: "" }),
  });
  return bytes;
}
