/** A real host with two tenants whose records hold the same names, for tests of its admin API. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump, rowOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import type { Admin, AdminTokens, Grant } from "../../src/admin/index.ts";
import { createHostAdmin } from "../../src/cli/admin/admin-mount.ts";
import { openHostTokens } from "../../src/cli/admin/host-tokens.ts";
import { openHost } from "../../src/cli/host.ts";
import type { Host } from "../../src/cli/host.ts";
import { localSecrets } from "../../src/cli/local-secrets.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { AdminConfig, Config } from "../../src/config/index.ts";
import { PackShelf } from "../../src/deployer/index.ts";
import { createGateway } from "../../src/gateway/index.ts";
import type { Gateway } from "../../src/gateway/index.ts";
import { buildPack, generateKeyFiles, loadSigningKey, openPack, signPack, TRUST_NOBODY } from "../../src/pack/index.ts";
import { parseSecretUri } from "../../src/secrets/index.ts";
import type { AuditLog } from "../../src/telemetry/index.ts";
import { memoryAuditLog } from "../../src/telemetry/index.ts";
import { channelId, conversationId, DEFAULT_TEAM, formatSessionKey, tenantId, userId } from "../../src/types/index.ts";
import type { SessionKeyText } from "../../src/types/index.ts";

export const TENANTS = ["acme", "globex"] as const;
/** Who consented at the provider `drive`, in each tenant. */
export const GRANTED = "webchat:+49 170 1";

/** What a tenant has, by the names that routes take. */
export interface Seeded {
  readonly session: SessionKeyText;
  readonly send: string;
  readonly deadLetter: string;
  readonly pack: string;
  readonly packHash: string;
  readonly tokenId: string;
}

export interface AdminHostFixture extends AsyncDisposable {
  readonly host: Host;
  readonly gateway: Gateway;
  readonly admin: Admin;
  readonly config: Config;
  readonly tokens: AdminTokens;
  readonly audit: AuditLog;
  readonly reports: unknown[];
  readonly seeded: Readonly<Record<string, Seeded>>;
  /** The id of the key that signs the packs. */
  readonly keyId: string;
  /** Signed bytes of the pack `desk` in a version. */
  pack(version: string): Promise<Uint8Array>;
  token(grant: { readonly tenant: string; readonly role: Grant["role"] }, expiresAtMs?: number): Promise<string>;
  /** Everything that a request could change. */
  snapshot(): Promise<unknown>;
}

/** Nobody answers there. */
const OAUTH = `
[server]
public_base_url = "https://bot.example"
[network]
private_addresses = ["127.0.0.0/8"]
[oauth.drive]
issuer = "http://127.0.0.1:9"
client_id = "ours"
scopes = ["openid", "files"]
[oauth.crm]
issuer = "http://127.0.0.1:9/crm"
`;

export async function openAdminHost(
  settings: Partial<AdminConfig> = {},
  given: { readonly audit?: AuditLog; readonly toml?: string; readonly redisUrl?: string } = {},
): Promise<AdminHostFixture> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-admin-"));
  const key = await generateKeyFiles(join(dir, "key.pem"));
  const signing = await loadSigningKey(key.privatePath);
  writeFileSync(
    join(dir, "greentic.toml"),
    `tenant = "acme"\n[security]\ntrusted_publishers = ["${key.publicPath}"]\n${given.toml ?? ""}${OAUTH}`,
  );
  const { redisUrl } = given;
  const config = loadConfig({
    cwd: dir,
    environment: redisUrl === undefined ? {} : { GREENTIC_REDIS_URL: redisUrl },
    flags: { ...(redisUrl === undefined && { store: "memory" as const }), env: "test", admin: "0" },
  });
  const pack = async (version: string): Promise<Uint8Array> => {
    const source = join(dir, `source-${version}`);
    mkdirSync(join(source, "flows"), { recursive: true });
    writeFileSync(
      join(source, "pack.toml"),
      `[pack]\nname = "desk"\nversion = "${version}"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n`,
    );
    writeFileSync(
      join(source, "flows/main.ygtc"),
      `id: main\ntype: messaging\nschema_version: 2\nstart: ask\nnodes:\n  ask: { qa: { questions: [{ id: name, prompt: "${version}?" }] }, routing: [{ to: hello }] }\n  hello: { message.send: { text: "hello {{ask.answers.name}}" }, routing: out }\n`,
    );
    const built = await buildPack(source, { probeComponent: () => ({ abi: "none", world: "none" }) });
    return (await signPack(built.bytes, signing)).bytes;
  };
  const first = await pack("1.0.0");
  const shelf = new PackShelf(config.dataDir);
  for (const tenant of TENANTS) {
    const opened = await openPack(first, {
      trust: { ...TRUST_NOBODY, rejectUnsigned: false },
      nowMs: Date.now(),
    });
    await shelf.add(tenantId(tenant), first, { pack: opened, allowUnsigned: false });
    await localSecrets(config).write(parseSecretUri(`secrets://test/${tenant}/_/desk/api_key`), `value-of-${tenant}`);
    await localSecrets(config).write(
      parseSecretUri(`secrets://test/${tenant}/_/oauth/crm_client`),
      JSON.stringify({ client_id: tenant, client_secret: `value-of-client-${tenant}` }),
    );
  }
  const host = await openHost({ config, environment: {}, warn: () => undefined });
  const tokens = await openHostTokens(config, host);
  const seeded: Record<string, Seeded> = {};
  // What hosts share has names of its own already.
  if (redisUrl === undefined)
    for (const tenant of TENANTS) seeded[tenant] = await seed(host, { tenant, tokens, config });
  const gateway = createGateway({
    runtime: host.runtime,
    env: config.env,
    world: host.world,
    defaultTenant: config.tenant,
    tokenKey: new Uint8Array(32).fill(7),
    tenant: (tenant) => (host.tenants.has(tenant) ? {} : undefined),
  });
  const audit = given.audit ?? memoryAuditLog();
  const reports: unknown[] = [];
  const base: AdminConfig = { listen: "0", host: "127.0.0.1", port: 0, hosts: [], origins: [], requestsPerSecond: 0 };
  const admin = createHostAdmin(
    { ...base, ...settings },
    {
      config,
      host,
      gateway,
      bundle: () => undefined,
      environment: {},
      audit,
      tokens,
      report: (report) => void reports.push(report),
      warn: () => undefined,
    },
  );
  let serial = 0;
  const read = (name: string): string => {
    const file = join(config.dataDir, name);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  return {
    host,
    gateway,
    admin,
    config,
    tokens,
    audit,
    reports,
    seeded,
    keyId: key.id,
    pack,
    async token({ tenant, role }, expiresAtMs) {
      const over = tenant === "*" ? ("*" as const) : tenantId(tenant);
      return (await tokens.create({ name: `t${serial++}`, tenant: over, role, expiresAtMs })).token;
    },
    snapshot: async () => ({
      store: await dump(host.runtime.store),
      packs: host.runtime.listPacks(),
      files: ["packs.json", "secrets.sealed", "admin-tokens.json", "revocations.json"].map(read),
      draining: gateway.isDraining(),
    }),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

async function seed(
  host: Host,
  { tenant, tokens, config }: { readonly tenant: string; readonly tokens: AdminTokens; readonly config: Config },
): Promise<Seeded> {
  const { store } = host.runtime;
  const session = formatSessionKey({
    env: config.env,
    tenant: tenantId(tenant),
    team: DEFAULT_TEAM,
    channel: channelId("webchat"),
    conversation: conversationId("c1"),
    user: userId("+49 170 1"),
  });
  const send = `send-of-${tenant}`;
  const deliver = async (text: string): Promise<void> => {
    await store.accept({
      key: session,
      dedupeKey: text,
      receivedAtMs: host.world.nowMs(),
      traceId: "ab".repeat(16),
      envelope: {
        id: text,
        tenant: { env: config.env, tenant },
        channel: "webchat",
        session_id: "c1",
        text: `secret words of ${tenant}`,
        attachments: [],
        metadata: {},
      },
      dedupeTtlMs: 60_000,
    });
  };
  const lease = async (): Promise<Parameters<typeof turnOf>[0]> => {
    const [one] = await store.lease("seed", { limit: 1, keys: [session] });
    if (one === undefined) throw new Error("expected a free session");
    return one;
  };
  await deliver("dead");
  const dying = await lease();
  const [entry] = dying.inbox;
  if (entry === undefined) throw new Error("expected a message");
  await store.commit(
    dying,
    turnOf(dying, { consumed: [], deadLetters: [{ order: entry.order, reason: "RUNNER_TURN_FAILED" }] }),
  );
  await deliver("alive");
  const living = await lease();
  const journal = {
    by: "message",
    traceId: "ab".repeat(16),
    pack: "desk",
    packHash: "",
    status: "waiting",
    steps: [],
    said: 1,
    replay: { words: `secret words of ${tenant}` },
  };
  await store.commit(living, turnOf(living, { outbox: [rowOf(send)], journal }));
  for (const row of await store.claimSends("seed", { limit: 10 })) {
    await store.beginSend(row, "seed");
    await store.endSend(row, "seed", { kind: "failed", error: "MESSAGING_SEND_REFUSED" });
  }
  const [dead] = await store.listDeadLetters({ tenant: tenantId(tenant) });
  const { record } = await tokens.create({ name: "seeded", tenant: tenantId(tenant), role: "viewer" });
  const pack = host.runtime.listPacks().find(({ scope }) => scope.tenant === tenant);
  const grant = { env: config.env, tenant: tenantId(tenant), provider: "drive", kind: "user", id: GRANTED } as const;
  await host.oauth?.broker.grants.keep(grant, {
    tokens: {
      accessToken: `value-of-access-${tenant}`,
      refreshToken: `value-of-refresh-${tenant}`,
      tokenType: "bearer",
      scopes: ["files"],
      subject: `account of ${tenant}`,
    },
    issuer: "http://127.0.0.1:9",
    clientId: "ours",
  });
  if (dead === undefined || pack === undefined) throw new Error(`expected a dead letter and a pack of ${tenant}`);
  return {
    session,
    send,
    deadLetter: String(dead.order),
    pack: pack.name,
    packHash: pack.packHash,
    tokenId: record.id,
  };
}
