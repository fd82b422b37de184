import type { Bundle, BundleProvider, Config, Environment } from "../config/index.ts";
import { decideAccess, packNameOf } from "../config/index.ts";
import { KeptPacks, PackShelf, readBundlePack } from "../deployer/index.ts";
import type { KeptPack } from "../deployer/index.ts";
import { isOciReference } from "../oci/index.ts";
import { openPack, provenancePathOf } from "../pack/index.ts";
import type { Pack, TrustPolicy } from "../pack/index.ts";
import type { PackApp } from "../runner/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import { GreenticError, isGreenticError, teamId, toGreenticError } from "../types/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";
import { dependencyProblem } from "./app-dependencies.ts";
import { openAudited } from "./audit.ts";
import { openRegistries, provenanceOf, pullPack } from "./registries.ts";
import { trustOf } from "./trust.ts";

/** An app and where it was read: a change of the place's content changes the app, not the place. */
export interface PlacedApp {
  readonly place: string;
  readonly app: PackApp;
}

/** A pack that isn't taken as it is. */
export interface RefusedApp {
  readonly place: string;
  /** As the bundle or the shelf calls it. */
  readonly name: string;
  readonly tenant: TenantId;
  readonly error: GreenticError;
}

/** What a bundle and a shelf have for a host. */
export interface AppsRead {
  readonly apps: readonly PlacedApp[];
  readonly refused: readonly RefusedApp[];
}

export interface AppReaderOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly bundle?: Bundle;
  /** Reads the bundle again; without it, the bundle stays what it was. */
  readonly reopenBundle?: () => Promise<Bundle>;
  /** The operator takes unsigned packs, and packs that list other files than they hold, from the bundle. */
  readonly isDevOk?: boolean;
  /** The operator lets everybody reach everything, whatever the access maps say. */
  readonly isAccessOpen?: boolean;
  readonly warn: (message: string) => void;
  readonly audit: AuditLog;
  /** Apps beside the bundle's and the registered ones. */
  readonly apps?: readonly PackApp[];
}

/** Reads and verifies the packs that a host is to run: the bundle's, the shelf's and those that were handed in. */
export class AppReader {
  readonly #options: AppReaderOptions;
  readonly #shelf: PackShelf;
  readonly #kept: KeptPacks;
  /** What was told of packs: once each, however often they are read. */
  readonly #told = new Set<string>();
  #bundle: Bundle | undefined;

  constructor(options: AppReaderOptions) {
    this.#options = options;
    this.#shelf = new PackShelf(options.config.dataDir);
    this.#kept = new KeptPacks(options.config.dataDir);
    this.#bundle = options.bundle;
  }

  /** The bundle as it was read last. */
  get bundle(): Bundle | undefined {
    return this.#bundle;
  }

  /** The files and folders whose change may change what is read. */
  get watched(): readonly string[] {
    const bundle = this.#bundle;
    if (bundle === undefined) return [this.#shelf.file];
    const { files, file, apps, access = [] } = bundle;
    if (files.isImage) return [files.place, this.#shelf.file];
    const packs = apps.map(({ pack }) => pack).filter((pack) => !isOciReference(pack));
    const tenants = [...new Set(apps.map(({ tenant }) => `tenants/${tenant}`))];
    // A folder changes when a file comes or goes.
    const folders = ["packs", "tenants", ...tenants].map((folder) => files.locate(folder));
    return [...new Set([file, ...packs, ...folders, ...access.map(({ map }) => map.file), this.#shelf.file])];
  }

  /** Reads everything anew; one pack that is refused doesn't keep the others back. @throws what reading the bundle throws */
  async read({ isFirst = false }: { readonly isFirst?: boolean } = {}): Promise<AppsRead> {
    const { apps: given = [], reopenBundle } = this.#options;
    if (!isFirst && reopenBundle !== undefined) this.#reopened(await reopenBundle());
    const read = await Promise.all([...this.#bundleApps(), ...(await this.#shelvedApps())]);
    const refused = read.filter((one) => "error" in one);
    let apps: readonly PlacedApp[] = [
      ...read.filter((one) => "app" in one),
      ...given.map((app, i) => ({ place: `given/${i}`, app })),
    ];
    // Who needs a pack that is refused is refused with it.
    for (;;) {
      const all = apps.map(({ app }) => app);
      const lost = apps.flatMap(({ place, app }): RefusedApp[] => {
        const error = dependencyProblem(app, all);
        return error === undefined ? [] : [{ place, name: app.pack.name, tenant: app.scope.tenant, error }];
      });
      if (lost.length === 0) {
        this.#tellClosed(all);
        return { apps, refused };
      }
      refused.push(...lost);
      apps = apps.filter(({ place }) => !lost.some((one) => one.place === place));
    }
  }

  /**
   * Reads the older versions that sessions may still wait on, verified by the trust of now; `current` is what runs. What isn't
   * trusted any more is let go.
   */
  async readKept(current: readonly PackApp[]): Promise<AppsRead> {
    const { env } = this.#options.config;
    const runs = (kept: KeptPack): boolean =>
      current.some(
        ({ scope, pack }) =>
          scope.tenant === kept.tenant && scope.team === kept.team && pack.packHash === kept.packHash,
      );
    const kept = (await this.#kept.list()).filter((one) => !runs(one));
    const read = kept.map((one): Promise<PlacedApp | RefusedApp> => {
      const { tenant, team, name, packHash, allowUnsigned, allowMismatch } = one;
      return placed({ place: `kept/${packHash}`, name, tenant }, async () => {
        const bytes = await this.#kept.read(one);
        if (bytes === undefined)
          throw new GreenticError("CLI_FILE_MISSING", `Read kept version of ${name}: its file is gone`);
        const provenance = async (): Promise<readonly Uint8Array[]> => [];
        const pack = await this.#verified(bytes, { tenant, allowUnsigned, allowMismatch, provenance, isOld: true });
        if (pack.packHash !== packHash)
          throw new GreenticError("PACK_HASH_MISMATCH", `Read kept version of ${name}: its file holds another pack`);
        return { scope: { env, tenant, ...(team && { team }) }, pack, allows: this.#gateOf(tenant, [name]) };
      });
    });
    const all = await Promise.all(read);
    return { apps: all.filter((one) => "app" in one), refused: all.filter((one) => "error" in one) };
  }

  /** Lets a version's bytes go that no session waits on any more. */
  async forget({ tenant, team }: PackApp["scope"], { packHash }: { readonly packHash: string }): Promise<void> {
    await this.#kept.drop({ tenant, ...(team && { team }), packHash });
  }

  /** Maps that keep everybody out are more often forgotten than meant: public bundles come with such. */
  #tellClosed(apps: readonly PackApp[]): void {
    const { bundle } = this;
    if (bundle?.access === undefined) return;
    for (const { scope, pack, allows } of apps) {
      const teams = [
        scope.team ?? bundle.team,
        ...bundle.access.map(({ team }) => team).filter((team) => team !== undefined),
      ];
      const isReached = teams.some((team) => [...pack.flows.keys()].some((flow) => allows?.(team, flow, "") !== false));
      const about = `closed ${scope.tenant}/${pack.packHash}`;
      if (isReached || this.#told.has(about)) continue;
      this.#told.add(about);
      this.#options.warn(
        `the access maps let nobody of ${scope.tenant} reach pack ${pack.name}: gtc bundle doctor tells the rule, --open-access sets it aside`,
      );
    }
  }

  /** Reads the pack that serves a channel, judged as strictly as any other. @throws what verifying it throws */
  async readProvider({ tenant, pack = "" }: BundleProvider): Promise<Pack> {
    const { config, environment, isDevOk = false } = this.#options;
    const bundle = this.#bundle;
    if (bundle === undefined) throw new GreenticError("CONFIG_BUNDLE_PACK_MISSING", "Read provider pack: no bundle");
    const registries = openRegistries(config, { environment });
    const pulled = isOciReference(pack) ? await pullPack(registries, pack) : undefined;
    return this.#verified(pulled?.bytes ?? (await readBundlePack(bundle, pack)), {
      tenant,
      allowUnsigned: isDevOk,
      allowMismatch: isDevOk,
      provenance: (trust) =>
        pulled === undefined
          ? provenanceIn(bundle, pack)
          : provenanceOf(registries, { reference: pulled.reference, trust }),
    });
  }

  #reopened(bundle: Bundle): void {
    // Where they stand in the file doesn't matter.
    const told = (of: Bundle | undefined): string =>
      JSON.stringify([of?.providers, of?.tenant, of?.worker], (key, value: unknown) =>
        key === "at" ? undefined : value,
      );
    if (told(this.#bundle) !== told(bundle))
      this.#options.warn("channels of the bundle have changed: they count after a restart");
    this.#bundle = bundle;
  }

  #bundleApps(): readonly Promise<PlacedApp | RefusedApp>[] {
    const { config, environment, isDevOk = false } = this.#options;
    const bundle = this.#bundle;
    if (bundle === undefined) return [];
    const registries = openRegistries(config, { environment });
    return bundle.apps.map((app) => {
      const { name, tenant, team, defaultFlow, pinned: onPinned } = app;
      const place = `bundle/${tenant}/${team ?? ""}/${app.pack}`;
      return placed({ place, name, tenant }, async () => {
        // A tag stays what it meant at the first start: whoever moves it changes nothing here.
        const pulled = isOciReference(app.pack) ? await pullPack(registries, app.pack) : undefined;
        const bytes = pulled?.bytes ?? (await readBundlePack(bundle, app.pack));
        const pack = await this.#verified(bytes, {
          tenant,
          allowUnsigned: isDevOk,
          allowMismatch: isDevOk,
          keepsFor: (onPinned ?? config.pinnedPacks) === "finish" ? { team } : undefined,
          provenance: (trust) =>
            pulled === undefined
              ? provenanceIn(bundle, app.pack)
              : provenanceOf(registries, { reference: pulled.reference, trust }),
        });
        return {
          scope: { env: config.env, tenant, ...(team && { team }) },
          pack,
          allows: this.#gateOf(tenant, [pack.name, name, packNameOf(app.pack)]),
          ...(defaultFlow && { defaultFlow }),
          ...(onPinned && { onPinned }),
          ...(app.hasTrustedPages === true && { hasTrustedPages: true }),
        };
      });
    });
  }

  async #shelvedApps(): Promise<readonly Promise<PlacedApp | RefusedApp>[]> {
    const { env } = this.#options.config;
    return (await this.#shelf.list()).map((entry) => {
      const { tenant, name, allowUnsigned, allowMismatch } = entry;
      return placed({ place: `shelf/${tenant}/${name}`, name, tenant }, async () => {
        const bytes = await this.#shelf.read(entry);
        const provenance = (): Promise<readonly Uint8Array[]> => this.#shelf.provenance(entry);
        const keepsFor = this.#options.config.pinnedPacks === "finish" ? { team: undefined } : undefined;
        const pack = await this.#verified(bytes, { tenant, allowUnsigned, allowMismatch, provenance, keepsFor });
        return { scope: { env, tenant }, pack, allows: this.#gateOf(tenant, [name]) };
      });
    });
  }

  /** Asks the maps of the bundle as it is when somebody comes. */
  #gateOf(tenant: TenantId, names: readonly string[]): NonNullable<PackApp["allows"]> {
    if (this.#options.isAccessOpen === true) return () => true;
    const packs = [...new Set(names)];
    return (team, flow, node) => {
      const access = this.#bundle?.access;
      return (
        access === undefined ||
        decideAccess(access, { tenant, team: teamId(team), packs, flow, node }).policy === "public"
      );
    };
  }

  /** Verifies at every start: a file on disk may have changed since it was registered. */
  async #verified(
    bytes: Uint8Array,
    how: {
      readonly tenant: TenantId;
      readonly allowUnsigned: boolean;
      readonly allowMismatch: boolean;
      readonly provenance: (trust: TrustPolicy) => Promise<readonly Uint8Array[]>;
      /** Whose sessions may go on with it once another version is there; undefined where none may. */
      readonly keepsFor?: { readonly team: TeamId | undefined } | undefined;
      /** It is older than what runs, and known to be. */
      readonly isOld?: boolean;
    },
  ): Promise<Pack> {
    const { config, warn, audit } = this.#options;
    const { tenant, allowUnsigned, allowMismatch } = how;
    const trust = await trustOf(config);
    const nowMs = Date.now();
    const provenance = await how.provenance(trust);
    const openIt = (): Promise<Pack> =>
      openPack(bytes, {
        trust: allowUnsigned ? { ...trust, rejectUnsigned: false } : trust,
        nowMs,
        provenance,
        policy: {
          ...(how.isOld !== true && { previous: (name: string) => this.#shelf.previous(tenant, name) }),
          ...(allowMismatch && { sbom: "warn" as const }),
        },
      });
    const pack = await openAudited(openIt, { audit, env: config.env, tenant });
    if (how.keepsFor !== undefined) {
      const { team } = how.keepsFor;
      const { name, packHash } = pack;
      await this.#kept.keep({ tenant, ...(team && { team }), name, packHash, allowUnsigned, allowMismatch }, bytes);
    }
    const about = `${tenant}/${pack.packHash}`;
    if (pack.report.signature.status !== "valid" && !this.#told.has(about)) {
      this.#told.add(about);
      warn(`pack ${pack.name} of ${tenant} runs without a trusted signature (${pack.report.signature.status})`);
    }
    return pack;
  }
}

/** What a bundle says of how a pack of it was built: the file beside it. */
async function provenanceIn(bundle: Bundle, pack: string): Promise<readonly Uint8Array[]> {
  try {
    return [await readBundlePack(bundle, provenancePathOf(pack))];
  } catch (error) {
    if (isGreenticError(error, "CONFIG_BUNDLE_PACK_MISSING")) return [];
    throw error;
  }
}

async function placed(where: Omit<RefusedApp, "error">, read: () => Promise<PackApp>): Promise<PlacedApp | RefusedApp> {
  try {
    return { place: where.place, app: await read() };
  } catch (error) {
    return { ...where, error: toGreenticError(error, "CLI_INTERNAL", `Load pack ${where.name}`) };
  }
}
