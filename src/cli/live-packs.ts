import type { Pack } from "../pack/index.ts";
import type { PackApp, Runtime } from "../runner/index.ts";
import { isGreenticError, toGreenticError } from "../types/index.ts";
import type { AppReader, AppsRead, PlacedApp, RefusedApp } from "./app-reader.ts";
import { watchFiles } from "./watch-files.ts";

export interface LivePacksOptions {
  readonly runtime: Pick<Runtime, "loadPack" | "unloadPack">;
  readonly reader: Pick<AppReader, "read" | "watched">;
  /** Says loudly what an operator should know: packs that don't run. */
  readonly warn: (message: string) => void;
  /** Told of a version that is no longer the current one: sessions may still wait on it. */
  readonly onRetired?: (app: PackApp) => void;
  /** Says which packs came, changed and went. */
  readonly tell?: (message: string) => void;
}

/** The packs that a host runs, kept as the bundle and the shelf have them while it runs. */
export class LivePacks {
  readonly #options: LivePacksOptions;
  #loaded: ReadonlyMap<string, PlacedApp> = new Map();
  #refused: readonly RefusedApp[] = [];
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: LivePacksOptions) {
    this.#options = options;
  }

  /** The packs that run. */
  get apps(): Iterable<PackApp> {
    return [...this.#loaded.values()].map(({ app }) => app);
  }

  /** The packs that aren't taken as they are now; an older one may run in the place of each. */
  get refused(): readonly RefusedApp[] {
    return this.#refused;
  }

  /**
   * Loads what was read at the start. A pack that can't run is told and left out, unless none would be left, or the operator wants
   * all or nothing. @throws the first pack's error then
   */
  async open(read: AppsRead, { isStrict }: { readonly isStrict: boolean }): Promise<void> {
    const refused = await this.#apply(read, () => undefined);
    const [first] = refused;
    if (first !== undefined && (isStrict || this.#loaded.size === 0)) throw first.error;
    this.#tell(refused);
  }

  /**
   * Loads what is new or has changed and takes out what is gone. A pack that is refused leaves the one before it running.
   * @throws what reading the bundle throws; then nothing has changed
   */
  reload(): Promise<void> {
    this.#reloading = this.#reloading
      .catch(() => undefined)
      .then(async () => this.#tell(await this.#apply(await this.#options.reader.read(), this.#options.tell)));
    return this.#reloading;
  }

  /** Reloads whenever something changes that the packs depend on. Returns how to stop. */
  watch({
    intervalMs,
    onError,
  }: {
    readonly intervalMs: number;
    readonly onError: (error: unknown) => void;
  }): () => void {
    return watchFiles(() => this.#options.reader.watched, {
      intervalMs,
      onChange: () => this.reload().catch(onError),
    });
  }

  /** Gives what was refused, now or before. */
  async #apply(
    { apps, refused }: AppsRead,
    tell: (message: string) => void = () => undefined,
  ): Promise<readonly RefusedApp[]> {
    const { runtime } = this.#options;
    const next = new Map<string, PlacedApp>();
    const failed: RefusedApp[] = [...refused];
    for (const { place } of refused) {
      for (const [key, old] of this.#loaded) if (old.place === place) next.set(key, old);
    }
    for (const placed of apps) next.set(keyOf(placed.app), placed);
    for (const [key, { place, app }] of next) {
      const old = this.#loaded.get(key);
      if (old !== undefined && isSame(old.app, app)) {
        // The same object: who watches over what runs knows it by that.
        next.set(key, { place, app: old.app });
        continue;
      }
      try {
        await runtime.loadPack(app);
        if (old !== undefined) this.#options.onRetired?.(old.app);
        const { name, version } = app.pack;
        tell(
          `pack ${name} ${version} of ${app.scope.tenant} runs${old === undefined ? "" : ` in the place of ${old.app.pack.version}`}`,
        );
      } catch (error) {
        const { tenant } = app.scope;
        const { name } = app.pack;
        failed.push({ place, name, tenant, error: toGreenticError(error, "CLI_INTERNAL", `Load pack ${name}`) });
        if (old === undefined) next.delete(key);
        else next.set(key, old);
      }
    }
    for (const [key, { app }] of this.#loaded) {
      if (next.has(key)) continue;
      unload(runtime, app);
      this.#options.onRetired?.(app);
      tell(`pack ${app.pack.name} of ${app.scope.tenant} is gone: it starts no flow any more`);
    }
    this.#loaded = next;
    return failed;
  }

  /** Tells of each refusal once, as long as it stays the same. */
  #tell(refused: readonly RefusedApp[]): void {
    for (const { place, name, tenant, error } of refused) {
      if (this.#refused.some((known) => known.place === place && known.error.message === error.message)) continue;
      const runs = [...this.#loaded.values()].find((one) => one.place === place)?.app.pack;
      const state = runs === undefined ? "doesn't run" : `stays at ${runs.version}`;
      this.#options.warn(`pack ${name} of ${tenant} ${state}: ${error.message} [${error.code}]`);
    }
    this.#refused = refused;
  }
}

/** Takes a pack out, where it hasn't been taken out already for its signers' sake. */
function unload(runtime: Pick<Runtime, "unloadPack">, { scope, pack }: PackApp): void {
  try {
    runtime.unloadPack(scope, pack.name);
  } catch (error) {
    if (!isGreenticError(error, "RUNNER_PACK_MISSING")) throw error;
  }
}

function isSame(a: PackApp, b: PackApp): boolean {
  return isSamePack(a.pack, b.pack) && a.defaultFlow === b.defaultFlow;
}

/** Another signature makes another verdict, though the pack hash is the same. */
function isSamePack(a: Pack, b: Pack): boolean {
  return a.packHash === b.packHash && a.report.signature.keyIds.join() === b.report.signature.keyIds.join();
}

function keyOf({ scope, pack }: PackApp): string {
  return `${scope.tenant}/${scope.team ?? ""}/${pack.name}`;
}
