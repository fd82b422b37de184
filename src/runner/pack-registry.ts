import { GreenticError, quote } from "../types/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import type { LoadPackOptions, PackApp } from "./load-pack.ts";
import { loadPack } from "./load-pack.ts";
import type { PinnedPolicy, Resumption } from "./resumption.ts";
import type { PackSummary, Scope } from "./runtime.ts";

/** The packs that run, by scope. A new version takes the place of the old at once; sessions in flight stay on the old one. */
export class PackRegistry {
  readonly #options: (scope: Scope) => LoadPackOptions;
  /** Scope → pack name → the version that new flows start with; names in the order of loading. */
  readonly #current = new Map<string, ReadonlyMap<string, LoadedPack>>();
  /** Scope → versions that sessions may still wait on. */
  readonly #retired = new Map<string, readonly LoadedPack[]>();
  /** Scope → hashes of versions whose signers are trusted no more. */
  readonly #revoked = new Map<string, ReadonlySet<string>>();
  /** Scope and pack name → what becomes of flows that wait on another version than the current one. */
  readonly #policies = new Map<string, PinnedPolicy>();
  readonly #defaultPolicy: PinnedPolicy;
  /** What a session's scope sees, the team's own before the tenant's; made anew after every change. */
  readonly #seen = new Map<string, readonly LoadedPack[]>();

  constructor(options: (scope: Scope) => LoadPackOptions, defaultPolicy: PinnedPolicy = "finish") {
    this.#options = options;
    this.#defaultPolicy = defaultPolicy;
  }

  /** Loads a pack and puts it in the place of the version before; nothing changes where loading fails. */
  async load(app: PackApp): Promise<LoadedPack> {
    const loaded = await loadPack(app, this.#options(app.scope));
    const key = scopeKey(app.scope);
    const packs = new Map(this.#current.get(key));
    const before = packs.get(loaded.name);
    if (before !== undefined && before.packHash !== loaded.packHash) this.#retire(key, before);
    packs.set(loaded.name, loaded);
    this.#current.set(key, packs);
    this.#policies.set(`${key}\n${loaded.name}`, app.onPinned ?? this.#defaultPolicy);
    this.#setRevoked(key, loaded.packHash, false);
    this.#drop(key, loaded.packHash);
    this.#seen.clear();
    return loaded;
  }

  /** Loads an older version for the sessions that may still wait on it; new flows don't start with it. */
  async retain(app: PackApp): Promise<void> {
    const key = scopeKey(app.scope);
    const { name, packHash } = app.pack;
    if (this.#current.get(key)?.get(name)?.packHash === packHash) return;
    this.#retire(key, await loadPack(app, this.#options(app.scope)));
    const policy = `${key}\n${name}`;
    if (!this.#policies.has(policy)) this.#policies.set(policy, app.onPinned ?? this.#defaultPolicy);
  }

  /** Takes a version out for its signers' sake: no flow starts with it, and none goes on. */
  revoke(scope: Scope, { name, packHash }: Pick<LoadedPack, "name" | "packHash">): void {
    const key = scopeKey(scope);
    this.#setRevoked(key, packHash, true);
    this.#drop(key, packHash);
    const packs = new Map(this.#current.get(key));
    if (packs.get(name)?.packHash !== packHash) return;
    packs.delete(name);
    this.#current.set(key, packs);
    this.#seen.clear();
  }

  /** Says how a flow goes on that waits on a version of a pack. */
  resume(teamKey: string, pinned: { readonly name: string; readonly hash: string }): Resumption {
    const tenantKey = teamKey.slice(0, teamKey.lastIndexOf(":"));
    const keys = [teamKey, tenantKey];
    const current = this.packsFor(teamKey).find(({ name }) => name === pinned.name);
    if (current?.packHash === pinned.hash) return { kind: "same", pack: current };
    const policy =
      keys.map((key) => this.#policies.get(`${key}\n${pinned.name}`)).find((known) => known !== undefined) ??
      this.#defaultPolicy;
    const isRevoked = keys.some((key) => this.#revoked.get(key)?.has(pinned.hash) === true);
    if (policy === "migrate" && current !== undefined) return { kind: "migrate", pack: current };
    if (isRevoked) return { kind: "stop", why: "revoked" };
    const pack = policy === "finish" ? this.pinned(teamKey, pinned) : undefined;
    if (pack !== undefined) return { kind: "same", pack };
    return { kind: "stop", why: policy === "finish" ? "gone" : "stopped" };
  }

  /** Takes a pack out: no new flow starts with it, sessions that wait on it go on. @throws RUNNER_PACK_MISSING */
  unload(scope: Scope, name: string): void {
    const key = scopeKey(scope);
    const packs = new Map(this.#current.get(key));
    const before = packs.get(name);
    if (before === undefined) {
      throw new GreenticError("RUNNER_PACK_MISSING", `Unload pack ${quote(name)}: it isn't loaded for ${quote(key)}`);
    }
    packs.delete(name);
    this.#retire(key, before);
    this.#current.set(key, packs);
    this.#seen.clear();
  }

  /** The packs that a session of `env:tenant:team` can start flows of. */
  packsFor(teamKey: string): readonly LoadedPack[] {
    const known = this.#seen.get(teamKey);
    if (known !== undefined) return known;
    const tenantKey = teamKey.slice(0, teamKey.lastIndexOf(":"));
    const own = this.#current.get(teamKey);
    const shared = this.#current.get(tenantKey);
    const packs = [...(own?.values() ?? [])];
    for (const pack of shared?.values() ?? []) if (own?.has(pack.name) !== true) packs.push(pack);
    if (this.#seen.size >= 10_000) this.#seen.clear();
    this.#seen.set(teamKey, packs);
    return packs;
  }

  /** The very version that a session's flow started with; undefined where it is gone. */
  pinned(teamKey: string, { name, hash }: { readonly name: string; readonly hash: string }): LoadedPack | undefined {
    const isIt = (loaded: LoadedPack): boolean => loaded.name === name && loaded.packHash === hash;
    const tenantKey = teamKey.slice(0, teamKey.lastIndexOf(":"));
    return (
      this.packsFor(teamKey).find(isIt) ??
      this.#retired.get(teamKey)?.find(isIt) ??
      this.#retired.get(tenantKey)?.find(isIt) ??
      [...(this.#current.get(tenantKey)?.values() ?? [])].find(isIt)
    );
  }

  /** A version of a pack that a pack of the same scope knows by its hash. */
  find(from: LoadedPack, wanted: { readonly name: string; readonly hash: string }): LoadedPack | undefined {
    if (from.name === wanted.name && from.packHash === wanted.hash) return from;
    return this.pinned(teamKeyOf(from.scope), wanted);
  }

  /** The pack that another one calls by name. @throws RUNNER_PACK_MISSING where it isn't declared or isn't loaded */
  dependency(from: LoadedPack, name: string): LoadedPack {
    if (name === from.name) return from;
    const declared = from.dependencies.get(name);
    const found = declared === undefined ? undefined : this.find(from, { name, hash: declared.packHash });
    if (found !== undefined) return found;
    const problem =
      declared === undefined
        ? `pack ${quote(from.name)} doesn't depend on it`
        : `version ${declared.version}, which pack ${quote(from.name)} was built with, isn't loaded`;
    throw new GreenticError("RUNNER_PACK_MISSING", `Call pack ${quote(name)}: ${problem}`);
  }

  list(): readonly PackSummary[] {
    return [...this.#current.values()].flatMap((packs) => [...packs.values()].map(summary));
  }

  /** Old versions that sessions may still wait on. */
  get retired(): readonly LoadedPack[] {
    return [...this.#retired.values()].flat();
  }

  /** Lets an old version go: no session waits on it. */
  forget(pack: LoadedPack): void {
    this.#drop(scopeKey(pack.scope), pack.packHash);
  }

  #setRevoked(key: string, hash: string, isRevoked: boolean): void {
    const hashes = new Set(this.#revoked.get(key));
    if (isRevoked) hashes.add(hash);
    else hashes.delete(hash);
    this.#revoked.set(key, hashes);
  }

  #drop(key: string, hash: string): void {
    const left = (this.#retired.get(key) ?? []).filter(({ packHash }) => packHash !== hash);
    if (left.length === 0) this.#retired.delete(key);
    else this.#retired.set(key, left);
  }

  #retire(key: string, pack: LoadedPack): void {
    this.#retired.set(key, [
      ...(this.#retired.get(key) ?? []).filter(({ packHash }) => packHash !== pack.packHash),
      pack,
    ]);
  }
}

/** The team whose packs a pack's flows see; a tenant's pack sees the tenant's. */
function teamKeyOf(scope: Scope): string {
  return `${scope.env}:${scope.tenant}:${scope.team ?? ""}`;
}

/** A scope as the start of its sessions' keys. */
export function scopeKey(scope: Scope): string {
  return scope.team === undefined ? `${scope.env}:${scope.tenant}` : `${scope.env}:${scope.tenant}:${scope.team}`;
}

function summary(pack: LoadedPack): PackSummary {
  const flows = [...new Set(pack.flows.values())];
  return {
    name: pack.name,
    version: pack.version,
    packHash: pack.packHash,
    scope: pack.scope,
    flows: flows.map(({ id, compiled, nodes }) => ({ id, type: compiled.ir.type, nodes: nodes.size })),
    components: [...pack.components.keys()],
    tools: pack.tools?.names ?? [],
  };
}
