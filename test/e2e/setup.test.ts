import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { openWhatsAppStandIn } from "../stand-ins/whatsapp.ts";
import type { WhatsAppStandIn } from "../stand-ins/whatsapp.ts";
import { FileSecretStore, formatSecretUri, LocalSecretStore, SealedSecretStore } from "../../src/secrets/index.ts";
import { readAudit } from "../../src/telemetry/index.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

const TOKEN = "987654:AAF_stand-in-token-0123456789";
const ACCESS = "EAAG-stand-in-token-0123456789";
const APP_SECRET = "app-secret-of-the-demo-0123456789";
const IDS = { phoneNumberId: "106540352242922", accountId: "102290129340398", appId: "670843887433847" };
const BASE = "https://chat.example.com";
const MAIN = join(ROOT, "src/cli/main.ts");

let telegram: TelegramStandIn;
let whatsapp: WhatsAppStandIn;
let rewrite: string;
beforeAll(async () => {
  telegram = await openTelegramStandIn({ token: TOKEN });
  whatsapp = await openWhatsAppStandIn({ token: ACCESS, appSecret: APP_SECRET, ...IDS });
  const nobody = "https://other.example.com=http://127.0.0.1:1";
  rewrite = `https://api.telegram.org=${telegram.url},https://graph.facebook.com=${whatsapp.url},${nobody}`;
});
afterAll(async () => {
  await telegram.close();
  await whatsapp[Symbol.asyncDispose]();
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const environment = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  GREENTIC_HTTP_REWRITE: rewrite,
  GREENTIC_DATA_DIR: "data",
});

function gtc(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...environment(), ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end();
  return new Promise((done) => child.once("close", (code) => done({ code: code ?? -1, stdout, stderr })));
}

const bundleOf = (providers: string): Promise<string> =>
  makeChannelBundle({ flow: CITY_FLOW(["Rome", "Oslo"]), providers, secrets: {} });
/** What is kept, sealed or not. */
async function kept(dir: string): Promise<Record<string, string>> {
  const store = new LocalSecretStore({
    sealed: new SealedSecretStore({ file: join(dir, "data/secrets.sealed") }),
    plain: new FileSecretStore(join(dir, "data/secrets.json")),
  });
  const values = await Promise.all(
    (await store.list()).map(async (uri) => [formatSecretUri(uri), (await store.read(uri)) ?? ""] as const),
  );
  return Object.fromEntries(values);
}

describe("gtc setup without a terminal", () => {
  test("keeps, registers and verifies by a file of answers, and changes nothing the second time", async () => {
    verifies("setup.channels", "setup.register", "setup.idempotent", "setup.secrets", "setup.bundle", "audit.secrets");
    const dir = await bundleOf("  # the bot\n  telegram: { type: telegram } # ours\n  webchat: { type: webchat }\n");
    writeFileSync(
      join(dir, "answers.yaml"),
      `telegram:\n  mode: webhook\n  public_base_url: ${BASE}\n  telegram_bot_token: { env: BOT_TOKEN }\n`,
    );
    const args = ["setup", ".", "--answers", "answers.yaml", "--non-interactive"];
    const planned = await gtc(dir, [...args, "--dry-run"], { BOT_TOKEN: TOKEN });
    expect(planned).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`would register ${BASE}/v1/messaging/ingress/telegram/demo`),
    });
    expect([telegram.registrations(), await kept(dir)]).toEqual([0, {}]);
    const first = await gtc(dir, args, { BOT_TOKEN: TOKEN });
    expect(first.stdout).toBe(
      [
        `telegram (telegram)  ${BASE}/v1/messaging/ingress/telegram/demo`,
        "  done  set config.mode, config.public_base_url in greentic.demo.yaml",
        "  done  kept telegram_bot_token",
        "  done  made telegram_secret_token",
        "  ok    the token is of @stand_in_bot",
        `  done  registered ${BASE}/v1/messaging/ingress/telegram/demo`,
        "webchat (webchat)",
        "  ok    served by the host itself; it needs no platform and no tunnel",
        "",
      ].join("\n"),
    );
    expect(first).toMatchObject({ code: 0, stderr: "4 done\n" });
    const secrets = await kept(dir);
    expect(secrets["secrets://dev/demo/_/telegram/telegram_bot_token"]).toBe(TOKEN);
    expect(telegram.webhook()?.secret).toBe(secrets["secrets://dev/demo/_/telegram/telegram_secret_token"]);
    expect(statSync(join(dir, "data/setup.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, "greentic.demo.yaml"), "utf8")).toContain(
      `  # the bot\n  telegram: { type: telegram, config: { mode: webhook, public_base_url: "${BASE}" } } # ours\n`,
    );
    const second = await gtc(dir, args, { BOT_TOKEN: TOKEN });
    expect(second).toMatchObject({ code: 0, stderr: "unchanged: everything is as it should be\n" });
    expect([telegram.registrations(), await kept(dir)]).toEqual([1, secrets]);
    const json = await gtc(dir, [...args, "--json", "--emit-answers", "out.json"], { BOT_TOKEN: TOKEN });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      channels: [
        { channel: "telegram", type: "telegram", tenant: "demo", steps: [{ state: "ok" }, { state: "ok" }] },
        {},
      ],
    });
    expect(JSON.parse(readFileSync(join(dir, "out.json"), "utf8"))).toEqual({
      telegram: { mode: "webhook", public_base_url: BASE },
      webchat: {},
    });
    const said = [planned, first, second, json].map(({ stdout, stderr }) => stdout + stderr).join("");
    for (const secret of Object.values(secrets)) expect(said).not.toContain(secret.split(":").at(-1));
    const audited = await Array.fromAsync(readAudit(join(dir, "data/audit")));
    expect(audited).toContainEqual(
      expect.objectContaining({
        actor: "channel:telegram",
        action: "secret.write",
        target: "secrets://dev/demo/_/telegram/telegram_bot_token",
        outcome: "allowed",
      }),
    );
    expect(audited.some(({ actor, action }) => actor === "channel:telegram" && action === "secret.read")).toBe(true);
    for (const secret of Object.values(secrets)) expect(JSON.stringify(audited)).not.toContain(secret);

    // A tunnel that has another address now: the host says so, and set-up puts it right.
    const moved = "https://other.example.com";
    const doctor = await gtc(dir, ["doctor", ".", "--json"]);
    expect(doctor.stdout).toContain("telegram has its settings and secrets");
    const file = join(dir, "greentic.demo.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace(BASE, moved));
    expect((await gtc(dir, ["doctor", "."])).stdout).toContain(`was told ${BASE}`);
    const host = await startHostProcess(".", { cwd: dir, args: ["--port", "0"], env: environment() });
    await host.stop();
    expect(host.said.join("\n")).toContain(`channel telegram: its platform was told ${BASE}`);
    const online = await gtc(dir, ["doctor", ".", "--online"]);
    expect(online.stdout).toContain("FAIL  channel telegram");
    const again = await gtc(dir, ["setup", ".", "--only", "telegram"]);
    expect(again.stdout).toContain(`registered ${moved}/v1/messaging/ingress/telegram/demo (was ${BASE}/`);
    verifies("doctor.online", "setup.tunnel");
    const live = await gtc(dir, ["doctor", ".", "--online"]);
    expect(live.stdout).toContain(`ok    channel telegram: the token is of @stand_in_bot; Telegram posts to ${moved}`);
    expect(live.stdout).toMatch(/FAIL {2}public address https:\/\/other.example.com: nobody answers there/);
    const removed = await gtc(dir, ["setup", ".", "--only", "telegram", "--remove"]);
    expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining("took the webhook") });
    expect(telegram.webhook()).toBeUndefined();
  }, 120_000);

  test("says what is missing by its question, what was done, and exits as the first failure asks", async () => {
    verifies("setup.answers");
    const dir = await bundleOf("  telegram: { type: telegram }\n  slack: { type: slack }\n");
    const missing = await gtc(dir, ["setup", "."]);
    expect(missing).toMatchObject({ code: 2, stderr: "1 left to you, 3 failed\n" });
    expect(missing.stdout).toContain("the platform can't reach this host");
    const manifest = await gtc(dir, ["setup", ".", "--only", "slack", "--public-base-url", BASE]);
    expect(manifest.stdout).toContain(`"request_url": "${BASE}/v1/messaging/ingress/slack/demo"`);
    expect(missing.stdout).toContain("FAIL  waits for slack_bot_token: The bot user's OAuth token");
    writeFileSync(
      join(dir, "a.json"),
      JSON.stringify({ "messaging-telegram": { enabled: true, bot_token: "1:wrong_wrong_wrong", api_base_url: "x" } }),
    );
    const wrong = await gtc(dir, ["setup", ".", "--only", "telegram", "--answers", "a.json"]);
    expect(wrong).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(
        /left out: api_base_url[^]*kept telegram_bot_token|kept telegram_bot_token[^]*left out/,
      ),
    });
    expect(wrong.stdout).toContain("it doesn't take the token");
    writeFileSync(join(dir, "b.yaml"), "telegram:\n  telegram_bot_token: hunter2\n");
    const bad = await gtc(dir, ["setup", ".", "--answers", "b.yaml"]);
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("b.yaml:2:3: telegram_bot_token") });
    expect(bad.stdout + bad.stderr).not.toContain("hunter2");
    expect(await gtc(dir, ["setup", ".", "--only", "telegran"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "telegram"'),
    });
  }, 60_000);

  test("has WhatsApp call the running host, and finishes what it could not before", async () => {
    verifies("setup.register", "setup.idempotent");
    const dir = await bundleOf("  whatsapp:\n    type: whatsapp\n");
    const answers = {
      whatsapp: {
        phone_number_id: IDS.phoneNumberId,
        business_account_id: IDS.accountId,
        app_id: IDS.appId,
        access_token: ACCESS,
        app_secret: APP_SECRET,
      },
    };
    writeFileSync(join(dir, "answers.json"), JSON.stringify(answers));
    const args = ["setup", ".", "--answers", "answers.json", "--public-base-url", BASE];
    const before = await gtc(dir, args);
    expect(before).toMatchObject({
      code: 4,
      stdout: expect.stringContaining("start the host, then run gtc setup again"),
    });
    const host = await startHostProcess(".", { cwd: dir, args: ["--port", "0"], env: environment() });
    whatsapp.handshake = async (url, verify) => {
      const query = new URLSearchParams({
        "hub.mode": "subscribe",
        "hub.challenge": "1158201444",
        "hub.verify_token": verify,
      });
      const answer = await fetch(`${url.replace(BASE, host.url)}?${query.toString()}`);
      return (await answer.text()) === "1158201444";
    };
    const after = await gtc(dir, args);
    expect(after).toMatchObject({ code: 0, stderr: "2 done\n" });
    expect(await gtc(dir, args)).toMatchObject({ code: 0, stderr: "unchanged: everything is as it should be\n" });
    whatsapp.hook = whatsapp.webhooks.phone_number?.replace(BASE, host.url);
    await whatsapp.say("hello", { from: "16505550001" });
    await whatsapp.until(() => whatsapp.sends.length === 1);
    await host.stop();
  }, 90_000);
});

const hasScript = spawnSync("script", ["--version"]).status === 0;

describe.skipIf(!hasScript)("gtc setup in a terminal", () => {
  /** Runs in a pseudo-terminal; each answer is typed once its question stands there. */
  function inTerminal(
    cwd: string,
    args: readonly string[],
    talk: readonly (readonly [RegExp, string])[],
  ): Promise<{ code: number; screen: string }> {
    const command = [process.execPath, MAIN, ...args].join(" ");
    const child = spawn("script", ["-qefc", command, "/dev/null"], { cwd, env: { ...environment(), TERM: "dumb" } });
    let screen = "";
    const left = [...talk];
    let seen = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      screen += text;
      const [question, answer = ""] = left[0] ?? [];
      const found = question?.exec(screen.slice(seen));
      if (found === null || found === undefined) return;
      seen += found.index + found[0].length;
      left.shift();
      child.stdin.write(answer);
    });
    return new Promise((done) => child.once("close", (code) => done({ code: code ?? -1, screen })));
  }

  test("asks, hides what is secret, asks again what doesn't fit, and keeps what is there", async () => {
    verifies("setup.answers", "setup.secrets");
    const dir = await bundleOf("  telegram: { type: telegram, config: { mode: webhook } }\n");
    const first = await inTerminal(
      dir,
      ["setup", "."],
      [
        [/Where the platform reaches .*skip\): /, `${BASE}\r`],
        [/The bot's token, as @BotFather gave it: /, "hunter2\r"],
        [/expected digits, a colon and a secret[^]*gave it: /, `${TOKEN}\r`],
      ],
    );
    expect(first.code).toBe(0);
    expect(first.screen).toContain("done  kept telegram_bot_token");
    expect(first.screen).toContain(`registered ${BASE}`);
    expect(first.screen).not.toMatch(/hunter2|AAF_stand-in/);
    expect(Object.values(await kept(dir))).toContain(TOKEN);
    const second = await inTerminal(dir, ["setup", "."], []);
    expect(second).toMatchObject({ code: 0, screen: expect.stringContaining("unchanged") });
    const update = await inTerminal(
      dir,
      ["setup", ".", "--update"],
      [
        [/\[webhook\]: /, "\r"],
        [/\[https:\/\/chat.example.com\]: /, "\r"],
        [/kept; Enter keeps it\]: /, "\r"],
        [/kept; Enter keeps it\]: /, "\r"],
      ],
    );
    expect(update).toMatchObject({ code: 0, screen: expect.stringContaining("unchanged") });
  }, 60_000);

  test("ends at Ctrl-C with what was done, and keeps nothing of what was begun", async () => {
    verifies("setup.answers");
    const dir = await bundleOf("  webchat: { type: webchat }\n  telegram: { type: telegram }\n");
    const left = await inTerminal(dir, ["setup", "."], [[/@BotFather gave it: /, "\u0003"]]);
    expect(left).toMatchObject({
      code: 130,
      screen: expect.stringMatching(/served by the host itself[^]*interrupted/),
    });
    expect([await kept(dir), existsSync(join(dir, "data/setup.json"))]).toEqual([{}, true]);
  }, 30_000);
});
