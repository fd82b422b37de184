import { unwatchFile, watchFile } from "node:fs";
import type { PackApp, Runtime } from "../runner/index.ts";

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
      if (this.#loaded.get(name)?.pack.packHash !== app.pack.packHash) await this.#runtime.loadPack(app);
    }
    for (const [name, { scope, pack }] of this.#loaded) {
      if (!next.has(name)) this.#runtime.unloadPack(scope, pack.name);
    }
    this.#loaded = next;
  }
}

function byName(apps: readonly PackApp[]): ReadonlyMap<string, PackApp> {
  return new Map(apps.map((app) => [`${app.scope.tenant}/${app.scope.team ?? ""}/${app.pack.name}`, app]));
}
