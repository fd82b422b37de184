import { unwatchFile, watchFile } from "node:fs";
import type { Pack } from "../pack/index.ts";
import type { PackApp, Runtime } from "../runner/index.ts";
import { isGreenticError } from "../types/index.ts";

/** The packs that a host runs, kept as the bundle and the shelf have them while it runs. */
export class LivePacks {
  readonly #runtime: Runtime;
  readonly #read: () => Promise<readonly PackApp[]>;
  #loaded: ReadonlyMap<string, PackApp>;
  #reloading: Promise<void> = Promise.resolve();

  constructor(
    runtime: Runtime,
    options: { readonly apps: readonly PackApp[]; readonly read: () => Promise<readonly PackApp[]> },
  ) {
    this.#runtime = runtime;
    this.#read = options.read;
    this.#loaded = byName(options.apps);
  }

  /** The packs that were read last. */
  get apps(): Iterable<PackApp> {
    return this.#loaded.values();
  }

  /** Loads what is new or has changed and takes out what is gone; what can't be read or verified changes nothing. @throws what verifying and loading throw */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.catch(() => undefined).then(() => this.#reload());
    return this.#reloading;
  }

  /** Reloads whenever one of the files changes. Returns how to stop. */
  watch(
    files: readonly string[],
    options: { readonly intervalMs: number; readonly onError: (error: unknown) => void },
  ): () => void {
    const { intervalMs, onError } = options;
    const onChange = (): void => void this.reload().catch(onError);
    for (const file of files) watchFile(file, { interval: intervalMs, persistent: false }, onChange);
    return () => {
      for (const file of files) unwatchFile(file, onChange);
    };
  }

  async #reload(): Promise<void> {
    const next = byName(await this.#read());
    for (const [name, app] of next) {
      if (!isSame(this.#loaded.get(name)?.pack, app.pack)) await this.#runtime.loadPack(app);
    }
    for (const [name, { scope, pack }] of this.#loaded) {
      if (!next.has(name)) unload(this.#runtime, { scope, pack });
    }
    this.#loaded = next;
  }
}

/** Takes a pack out, where it hasn't been taken out already for its signers' sake. */
export function unload(runtime: Pick<Runtime, "unloadPack">, { scope, pack }: PackApp): void {
  try {
    runtime.unloadPack(scope, pack.name);
  } catch (error) {
    if (!isGreenticError(error, "RUNNER_PACK_MISSING")) throw error;
  }
}

/** Another signature makes another verdict, though the pack hash is the same. */
function isSame(a: Pack | undefined, b: Pack): boolean {
  return a?.packHash === b.packHash && a.report.signature.keyIds.join() === b.report.signature.keyIds.join();
}

function byName(apps: readonly PackApp[]): ReadonlyMap<string, PackApp> {
  return new Map(apps.map((app) => [`${app.scope.tenant}/${app.scope.team ?? ""}/${app.pack.name}`, app]));
}
