/** Builds what a checkout runs and doesn't keep: the component host's processes without types, the page, the demo's component and the demo's signed pack. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { probeComponent } from "../src/conformance/full-checks.ts";
import { buildComponent } from "../src/component/index.ts";
import { buildPack, generateKeyFiles, loadSigningKey, signPackFile, writeFileAtomic } from "../src/pack/index.ts";
import { buildChild } from "./build-child.ts";

const root = resolve(import.meta.dirname, "..");
const demo = join(root, "examples/weather-demo");

async function buildPage(): Promise<void> {
  execFileSync(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"], {
    cwd: join(root, "web"),
    stdio: "inherit",
  });
}

async function buildDemo(): Promise<void> {
  const component = await buildComponent(join(demo, "components/forecast"));
  await writeFile(join(demo, "components/forecast.wasm"), component.bytes);

  // The key is this checkout's own: the demo shows a verified signature, not a shared secret.
  const key = join(demo, ".keys/dev.pem");
  if (!existsSync(key)) {
    await mkdir(join(demo, ".keys"), { recursive: true, mode: 0o700 });
    await generateKeyFiles(key);
  }
  const built = await buildPack(demo, { probeComponent });
  await mkdir(join(demo, "dist"), { recursive: true });
  const file = join(demo, "dist", built.fileName);
  await writeFileAtomic(file, built.bytes);
  const signed = await signPackFile(file, await loadSigningKey(key));
  console.log(`built ${built.fileName} (${signed.bytes.length} bytes), signed by ${signed.keyId.slice(0, 16)}`);
}

await buildChild();
await buildPage();
await buildDemo();
