import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { buildComponent } from "../../src/component/index.ts";
import { buildPack } from "../../src/pack/index.ts";
import { secretForms } from "../../src/telemetry/secret-forms.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { openWebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

/** Secrets that a component reads, and does the worst with that it can. */
const COMPONENT_SECRETS = 44;
/** What people say of themselves, in texts, names, file names and answers. */
const PEOPLE = 50;
const random = (n: number, what: string): string =>
  createHmac("sha256", "the canary test's").update(`${what}-${n}`).digest("base64url").slice(0, 24);
const secretOf = (n: number): string => `sk_${random(n, "secret")}`;
const PERSONAL = Array.from(
  { length: PEOPLE },
  (_unused, n) =>
    [`Ana-${random(n, "p")}`, `${random(n, "p")}@people.example`, `+62 812 ${random(n, "p")}`][n % 3] as string,
);
const TELEGRAM_TOKEN = `123456:${random(1, "telegram")}`;
const TELEGRAM_SECRET = random(2, "telegram");
const HOOK_SECRET = `whsec_${Buffer.from(random(3, "hook")).toString("base64")}`;
const SERVER_SECRET = random(4, "environment");
const HEADER_SECRET = random(5, "otlp");
const REDIRECT_SECRET = random(6, "mounted");
const SECRETS = [
  ...Array.from({ length: COMPONENT_SECRETS }, (_unused, n) => secretOf(n)),
  TELEGRAM_TOKEN,
  TELEGRAM_SECRET,
  HOOK_SECRET,
  SERVER_SECRET,
  HEADER_SECRET,
  REDIRECT_SECRET,
];

/** Says every secret that it may read, in every way that it has: log, error, address, state. */
const LEAKY = `import { ComponentError, defineComponent, s } from "greentic/component-sdk";
export default defineComponent({
  name: "leaky",
  summary: "Tells what it knows",
  operations: {
    tell: {
      summary: "Tells a secret",
      input: s.object({ text: s.string() }),
      output: s.object({ told: s.string() }),
      run: ({ text }, ctx) => {
        const n = Number.parseInt(text, 10);
        const secret = String(ctx.secrets.get("key_" + n));
        ctx.log.info("I know " + secret, { secret, text, url: encodeURIComponent("x=" + secret) });
        ctx.log.error(Array.from(secret, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(""));
        if (n % 4 === 1) throw new ComponentError("TOLD", "it is " + secret + " of " + text);
        if (n % 4 === 2) throw new Error("it is " + secret + " of " + text);
        if (n % 4 === 3) ctx.http.fetch("https://api.example.com/" + secret + "?who=" + encodeURIComponent(text));
        return { told: "told " + n };
      },
    },
  },
});
`;
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: note
nodes:
  note: { emit.log: { level: warn, message: "heard {{in.text}}" }, routing: [{ to: leak }] }
  leak:
    component.exec: { component: leaky, operation: tell, input: { text: "{{in.text}}" } }
    routing: [{ on: error, to: sorry }, { to: ask }]
  sorry: { message.send: { text: "Sorry: {{in.text}}" }, routing: [{ to: ask }] }
  ask:
    qa: { questions: [{ id: name, prompt: "Who?", type: string }] }
    routing: [{ to: order }]
  order:
    message.send: { text: "order of {{ask.answers.name}}", to: { id: book, channel: orders } }
    routing: [{ to: done }]
  done: { message.send: { text: "Noted {{ask.answers.name}}." }, routing: out }
`;

async function makeBundle(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-canary-"));
  for (const path of ["leaky/src", "pack/flows", "pack/components", "mounted/dev/demo/_/extra"])
    mkdirSync(join(dir, path), { recursive: true });
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  const keys = Array.from({ length: COMPONENT_SECRETS }, (_unused, n) => `key_${n}`);
  const grants = `http = ["https://api.example.com"]\nsecrets = ${JSON.stringify(keys)}\n`;
  writeFileSync(join(dir, "leaky/src/main.ts"), LEAKY);
  writeFileSync(join(dir, "leaky/component.toml"), `name = "leaky"\nworld = "node"\n[grants]\n${grants}`);
  writeFileSync(join(dir, "pack/components/leaky.wasm"), (await buildComponent(join(dir, "leaky"))).bytes);
  writeFileSync(join(dir, "pack/flows/on_message.ygtc"), FLOW);
  writeFileSync(
    join(dir, "pack/pack.toml"),
    `[pack]\nname = "shop"\nversion = "1.0.0"\ndescription = "Leaks"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["shop"]\n[flows]\non_message = "flows/on_message.ygtc"\n[components.leaky]\npath = "components/leaky.wasm"\n[components.leaky.grants]\n${grants}`,
  );
  writeFileSync(join(dir, "shop.gtpack"), (await buildPack(join(dir, "pack"), { probeComponent })).bytes);
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    `tenant: demo
providers:
  webchat: { type: webchat }
  messaging-telegram: { type: telegram, config: { mode: webhook } }
  orders: { type: webhook-out, config: { url: "https://hooks.example.com/in" } }
apps:
  shop: { pack: shop.gtpack, default_flow: on_message }
`,
  );
  writeFileSync(
    join(dir, "greentic.toml"),
    '[security]\nreject_unsigned = false\n[server]\ntokens_per_minute = 100000\n[secrets]\nmounted_dir = "mounted"\n',
  );
  writeFileSync(join(dir, "mounted/dev/demo/_/extra/redirect"), REDIRECT_SECRET);
  const secrets: Record<string, string> = {
    "messaging-telegram/telegram_bot_token": TELEGRAM_TOKEN,
    "messaging-telegram/telegram_secret_token": TELEGRAM_SECRET,
    "orders/webhook_secret": HOOK_SECRET,
    ...Object.fromEntries(keys.slice(1).map((key, n) => [`shop/${key}`, secretOf(n + 1)])),
  };
  const filed = Object.entries(secrets).map(([name, value]) => [`secrets://dev/demo/_/${name}`, value]);
  writeFileSync(join(dir, "data/secrets.json"), JSON.stringify(Object.fromEntries(filed)), { mode: 0o600 });
  return dir;
}

/** Answers everything, and keeps what it was told. */
async function openSink(
  answer: object,
): Promise<{ readonly server: Server; readonly url: string; readonly got: string[] }> {
  const got: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      got.push(Buffer.concat(chunks).toString("utf8"));
      response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

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

test(
  `${SECRETS.length} planted secrets and ${PEOPLE} personal strings are in no log, trace, metric, error, dead letter or child's environment of a host at debug level`,
  { timeout: 120_000 },
  async () => {
    verifies("secrets.canary", "security.pii");
    const collector = await openSink({});
    const api = await openSink({ ok: true });
    const telegram = await openTelegramStandIn({ token: TELEGRAM_TOKEN, isPaced: false });
    const hook = await openWebhookReceiver(HOOK_SECRET);
    hook.faults.push(500, "reset-before", "reset-after");
    telegram.faults.push("500", "reset-after", "429");
    const dir = await makeBundle();
    const rewrites = {
      "https://api.telegram.org": telegram.url,
      "https://hooks.example.com": hook.url,
      "https://api.example.com": api.url,
    };
    const env = {
      GREENTIC_LOG_LEVEL: "debug",
      GREENTIC_LOG_FORMAT: "json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${HEADER_SECRET}`,
      GTSEC_DEV_DEMO___SHOP_KEY_0: secretOf(0),
      GTSEC_DEV_DEMO___SHOP_UNUSED: SERVER_SECRET,
      GREENTIC_HTTP_REWRITE: Object.entries(rewrites)
        .map((pair) => pair.join("="))
        .join(","),
    };
    const host = await startHostProcess(".", {
      cwd: dir,
      args: ["--port", "0", "--data", join(dir, "data"), "--verbose"],
      env,
    });
    const update = (n: number): object => ({
      update_id: 7_000 + n,
      message: {
        message_id: n,
        date: Math.floor(Date.now() / 1000),
        text: `${n} ${PERSONAL[n]}`,
        chat: { id: 31_000 + n, type: "private", first_name: PERSONAL[n], username: "who" },
        from: { id: 31_000 + n, is_bot: false, first_name: PERSONAL[n], language_code: "en" },
      },
    });
    const post = async (body: string, secret = TELEGRAM_SECRET): Promise<number> =>
      (
        await fetch(`${host.url}/v1/messaging/ingress/messaging-telegram/demo`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret },
          body,
        })
      ).status;
    for (let n = 0; n < PEOPLE; n += 2) {
      expect(await post(JSON.stringify(update(n)))).toBe(200);
      // Forged and broken ones name secrets and people, too.
      await post(JSON.stringify(update(n)), secretOf(n % COMPONENT_SECRETS));
      await post(`{"message": "${PERSONAL[n]}`);
      const person = new DirectLineClient(() => host.url);
      await person.open();
      await person.say(`${n + 1} ${PERSONAL[n + 1]}`);
      // Where the component fails, the flow says so before it asks.
      const asked = (n + 1) % 4 === 1 && n + 1 < COMPONENT_SECRETS ? 2 : 1;
      await person.until(asked);
      await person.say(`${PERSONAL[n + 1]}`);
      await person.until(asked + 1);
    }
    await telegram.until(() => telegram.sends.length >= PEOPLE / 2);
    const surroundings = surroundingsBelow(host.child.pid ?? 0);
    expect(await host.stop()).toBe(0);
    const gtc = async (...args: readonly string[]): Promise<string> => {
      const options = { cwd: dir, maxBuffer: 1 << 26 };
      const ran = promisify(execFile)(
        process.execPath,
        [join(ROOT, "src/cli/main.ts"), ...args, "--data", join(dir, "data")],
        options,
      );
      const { stdout, stderr } = await ran.catch((error: { stdout: string; stderr: string }) => error);
      return `${stdout}\n${stderr}`;
    };
    const told = new Map<string, string>([
      ["log", host.said.join("\n")],
      ["traces and metrics", collector.got.join("\n")],
      ["children's environments and command lines", surroundings.join("\n")],
      ["dead letters", await gtc("dlq", "list", "--json")],
      ["outbox", await gtc("outbox", "list", "--json", "--limit", "1000")],
      ["sessions", await gtc("session", "list", "--json")],
      ["audit", await gtc("audit", "list", "--json")],
      ["secrets doctor", await gtc("secrets", "doctor", ".")],
    ]);
    for (const server of [collector.server, api.server]) server.close();
    await Promise.all([telegram.close(), hook.close()]);

    // The test sees what it should: the component did read and tell, the host did log, export and have children.
    expect(api.got.length).toBeGreaterThan(0);
    expect(told.get("log")).toContain("[redacted]");
    expect(told.get("traces and metrics")).toContain("component.call");
    expect(surroundings.length).toBeGreaterThan(0);
    const found: string[] = [];
    for (const canary of [...SECRETS, ...PERSONAL])
      for (const form of secretForms(canary))
        for (const [where, text] of told) if (text.includes(form)) found.push(`${where}: ${form} of ${canary}`);
    expect(found).toEqual([]);
  },
);
