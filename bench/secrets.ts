/** What a look-up of a secret costs, cached and not, in one run: `node bench/secrets.ts`, with `--write` to keep the table. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretStore } from "../src/secrets/index.ts";
import {
  CachedSecretStore,
  createSecretReader,
  parseSecretUri,
  SealedSecretStore,
  VaultSecretStore,
  watchedReader,
} from "../src/secrets/index.ts";
import { openAuditLog } from "../src/telemetry/index.ts";
import { DEFAULT_TEAM, envId, tenantId } from "../src/types/index.ts";
import { openVaultStandIn, VAULT_TOKEN } from "../test/stand-ins/vault.ts";
import type { Row } from "./table.ts";
import { keepTables, printTable } from "./table.ts";

const URI = parseSecretUri("secrets://prod/acme/_/slack/slack_bot_token");
const VALUE = "xoxb-of-the-benchmark-0123456789";
const ROUNDS = 7;

/** Microseconds of one read, the median of several rounds. */
async function measure(read: () => Promise<unknown>, reads: number): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < reads; i++) await read();
    rounds.push(((performance.now() - start) * 1_000) / reads);
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

async function benchSecrets(): Promise<readonly Row[]> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-secrets-"));
  try {
    await using vault = await openVaultStandIn();
    vault.secrets.set("greentic/prod/acme/_/slack/slack_bot_token", { value: VALUE });
    const memory: SecretStore = { read: () => Promise.resolve(VALUE) };
    const sealed = new SealedSecretStore({ file: join(dir, "secrets.sealed") });
    await sealed.write(URI, VALUE);
    const remote = new VaultSecretStore({
      url: vault.url,
      auth: { kind: "token", token: () => Promise.resolve(VAULT_TOKEN) },
      monotonicMs: () => performance.now(),
      send: async ({ url, method, headers }) => {
        const answer = await fetch(url, {
          method,
          headers: headers.map(([name, value]): [string, string] => [name, value]),
        });
        return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
      },
    });
    const cached = (store: SecretStore): SecretStore =>
      new CachedSecretStore(store, { world: { monotonicMs: () => performance.now() }, ttlMs: 600_000, staleMs: 0 });
    const cachedVault = cached(remote);
    await using audit = await openAuditLog(join(dir, "audit"));
    const ctx = {
      env: envId("prod"),
      tenant: tenantId("acme"),
      team: DEFAULT_TEAM,
      traceId: "",
      correlationId: "",
      attempt: 1,
      locale: "en",
    };
    const entry = { action: "secret.read", target: "secrets://prod/acme/_/slack/slack_bot_token" };
    const noted = watchedReader(createSecretReader([cachedVault]), {
      actor: "channel:slack",
      tell: ({ actor, outcome }) => audit.note({ ...entry, actor, outcome, tenant: "acme" }),
    });
    const cases: readonly (readonly [string, () => Promise<unknown>, number])[] = [
      ["memory", () => memory.read(URI), 20_000],
      ["sealed file", () => sealed.read(URI), 5_000],
      [
        "sealed file, cached",
        (
          (store) => () =>
            store.read(URI)
        )(cached(sealed)),
        20_000,
      ],
      ["Vault stand-in on loopback", () => remote.read(URI), 200],
      ["Vault stand-in, cached", () => cachedVault.read(URI), 20_000],
      ["Vault stand-in, cached and noted in the audit log", () => noted.get(ctx, "slack", "slack_bot_token"), 5_000],
      [
        "an audit record that is on disk before it returns",
        () => audit.record({ ...entry, actor: "channel:slack", outcome: "allowed", tenant: "acme" }),
        20,
      ],
    ];
    const rows: { name: string; us: number }[] = [];
    for (const [name, read, reads] of cases) rows.push({ name, us: await measure(read, reads) });
    const base = rows.find(({ name }) => name === "Vault stand-in, cached")?.us ?? Number.NaN;
    return rows.map(({ name, us }) => ({
      "look-up": name,
      µs: Math.round(us * 100) / 100,
      "of a cached one": `${Math.round((us / base) * 10) / 10} ×`,
    }));
  } finally {
    await rm(dir, { recursive: true });
  }
}

const rows = await benchSecrets();
const title = "Looking a secret up";
printTable(title, rows);
if (process.argv.includes("--write")) keepTables("secrets", [[title, rows]]);
