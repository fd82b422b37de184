import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAssemblyScript, buildC, buildRust } from "./build-native.ts";
import { buildTypeScript } from "./build-typescript.ts";
import type { ComponentLanguage, ComponentSource } from "./component-source.ts";
import { readComponentSource } from "./component-source.ts";

/** A component built from source. */
export interface BuiltComponent {
  readonly source: ComponentSource;
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly wallMs: number;
}

/** How a component is built. */
export interface BuildOptions {
  /** Keeps what was built by the hash of its inputs: the builder of TypeScript seeds its tables by chance, so no two builds are the same. */
  readonly cacheDirectory?: string;
}

/**
 * Builds the component of a source directory with the tools of its language.
 * @throws COMPONENT_SOURCE_INVALID, COMPONENT_BUILDER_ABSENT, COMPONENT_BUILD_FAILED
 */
export async function buildComponent(directory: string, options: BuildOptions = {}): Promise<BuiltComponent> {
  const startedMs = performance.now();
  const source = await readComponentSource(directory);
  const work = await mkdtemp(join(tmpdir(), "greentic-build-"));
  try {
    const bytes = await BUILDS[source.language](source, { work, ...options });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { source, bytes, sha256, wallMs: performance.now() - startedMs };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Build = (source: ComponentSource, options: BuildOptions & { readonly work: string }) => Promise<Uint8Array>;

const BUILDS: Readonly<Record<ComponentLanguage, Build>> = {
  typescript: buildTypeScript,
  c: buildC,
  assemblyscript: buildAssemblyScript,
  rust: buildRust,
};
