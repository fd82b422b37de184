import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { secretForms } from "../../src/telemetry/secret-forms.ts";
import { startOidcStandIn } from "../stand-ins/oidc-server.ts";
import { runGtc } from "../stand-ins/run-gtc.ts";
import { verifies } from "../verifies.ts";
import { makeCanaryBundle } from "./canary/bundle.ts";
import { HEADER_SECRET, PERSONAL, SECRETS, secretOf, SERVER_SECRET } from "./canary/planted.ts";
import { openCollector, openMailParrot, openParrot } from "./canary/platforms.ts";
import { sendEverything } from "./canary/traffic.ts";
import { startHostProcess } from "./host-process.ts";

const PARROTS = [
  "api.telegram.org",
  "hooks.example.com",
  "slack.com",
  "graph.facebook.com",
  "webexapis.com",
  "login.microsoftonline.com",
  "api.example.com",
  "drive.example.com",
];

/** Environments and command lines of all processes below one, where the machine tells. */
function surroundingsBelow(pid: number): readonly string[] {
  const parents = new Map<number, number>();
  const read = (of: number, what: string): string => {
    try {
      return readFileSync(`/proc/${of}/${what}`, "utf8");
    } catch {
      return "";
    }
  };
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)))
    parents.set(Number(name), Number(/^PPid:\s*(\d+)/m.exec(read(Number(name), "status"))?.[1] ?? 0));
  const isBelow = (one: number): boolean => {
    const parent = parents.get(one) ?? 0;
    return parent === pid || (parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).map((one) => `${read(one, "environ")} ${read(one, "cmdline")}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** Everything below a folder that isn't meant to hold people's words or secrets. */
function filesBelow(dir: string, isWanted: (path: string) => boolean): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => isWanted(path.slice(dir.length + 1)))
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}

test(
  `${SECRETS.length} planted secrets and ${PERSONAL.length} personal strings are nowhere in what a host at debug level says, exports, answers, keeps for operators or gives its children`,
  { timeout: 180_000 },
  async () => {
    verifies("secrets.canary", "security.pii");
    using collector = await openCollector();
    using parrot = await openParrot();
    using smtp = await openMailParrot("smtp");
    using imap = await openMailParrot("imap");
    await using provider = await startOidcStandIn({ devicePolls: 1 });
    const mailPort = await freePort();
    const dir = await makeCanaryBundle({
      issuer: provider.issuer,
      modelUrl: `${parrot.url}/v1`,
      smtpPort: smtp.port,
      imapPort: imap.port,
      mailPort,
    });
    const env = {
      GREENTIC_LOG_LEVEL: "debug",
      GREENTIC_LOG_FORMAT: "json",
      GREENTIC_DATA_DIR: join(dir, "data"),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${HEADER_SECRET}`,
      GTSEC_DEV_DEMO___SHOP_KEY_0: secretOf(0),
      GTSEC_DEV_DEMO___SHOP_UNUSED: SERVER_SECRET,
      GREENTIC_HTTP_REWRITE: PARROTS.map((host) => `https://${host}=${parrot.url}`).join(","),
    };
    const told = new Map<string, string>();
    const gtc = async (line: string): Promise<string> => {
      const { stdout, stderr } = await runGtc(line.split(" "), { cwd: dir, environment: env });
      told.set(`gtc ${line}`, `${stdout}\n${stderr}`);
      return stdout;
    };
    await gtc("oauth login drive --device");
    expect(provider.secrets.length).toBeGreaterThan(1);
    const made = await runGtc("admin token create --name ops --role admin --tenant *".split(" "), {
      cwd: dir,
      environment: env,
    });
    const adminToken = made.stdout.trim();
    told.set("making a token", made.stderr);

    const host = await startHostProcess(".", {
      cwd: dir,
      args: ["--port", "0", "--verbose", "--admin", "127.0.0.1:0"],
      env,
    });
    await expect.poll(() => host.said.join("\n"), { timeout: 20_000 }).toContain("admin http");
    const admin = /admin (http:\/\/\S+)/.exec(host.said.join("\n"))?.[1] ?? "";
    for (const [where, text] of await sendEverything({ url: host.url, admin, adminToken, mailPort }))
      told.set(where, text);
    // Words went to every kind of place that can repeat them, and logins to the mail servers.
    await expect.poll(() => [imap.got.length > 1, smtp.got.length > 1], { timeout: 20_000 }).toEqual([true, true]);
    const surroundings = surroundingsBelow(host.child.pid ?? 0);
    expect(await host.stop()).toBe(0);
    told.set("log", host.said.join("\n"));
    told.set("traces and metrics", collector.got.join("\n"));
    told.set("children's environments and command lines", surroundings.join("\n"));
    await gtc("dlq list --json");
    await gtc("outbox list --json --limit 1000");
    await gtc("session list --json --limit 1000");
    await gtc("audit list --json");
    await gtc("secrets doctor . --json");
    await gtc("secrets list");
    await gtc("config show --origin");
    await gtc("doctor . --online --json");
    await gtc("setup . --non-interactive --json");
    await gtc("oauth list --json");
    await gtc("oauth revoke drive");
    // The audit log, what is kept of admin tokens, set-up's notes; not the store, which keeps conversations, nor what it was given.
    told.set(
      "files",
      filesBelow(dir, (path) => /^data\/(?:audit|setup|admin)/.test(path) || /report|core|\.dmp|\.log$/.test(path)),
    );

    // The test sees what it should: the component did read and tell, the host did log, export and have children.
    expect(parrot.got.length).toBeGreaterThan(50);
    expect(told.get("log")).toContain("[redacted]");
    expect(told.get("traces and metrics")).toContain("component.call");
    expect(told.get("traces and metrics")).toContain("chat small-1");
    expect(told.get("files")).toContain("secret.read");
    expect(surroundings.length).toBeGreaterThan(0);
    const found: string[] = [];
    for (const canary of [...SECRETS, ...provider.secrets, adminToken, ...PERSONAL])
      for (const form of secretForms(canary))
        for (const [where, text] of told) if (text.includes(form)) found.push(`${where}: ${form} of ${canary}`);
    expect(found).toEqual([]);
  },
);
