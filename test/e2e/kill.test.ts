import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePort } from "../stand-ins/server-program.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { openWebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { Conversations, KILL_HOOK_SECRET, KILL_TOKEN, makeKillBundle, pause, seeded } from "./kill-harness.ts";
import type { SeenRow } from "./kill-harness.ts";
import { ROOT } from "./shell.ts";

/** The full run is 300 conversations and 100 kills; a quick one proves the harness on every `npm test`. */
const CONVERSATIONS = Number(process.env["GREENTIC_KILL_CONVERSATIONS"] ?? 60);
const KILLS = Number(process.env["GREENTIC_KILLS"] ?? 12);

test(
  `${CONVERSATIONS} conversations of three turns through ${KILLS} kills lose no message, double none in WebChat or at a webhook, and record every doubtful Telegram send`,
  { timeout: 3_600_000 },
  async () => {
    verifies(
      "demo.once",
      "concept.session.resume",
      "response.persist",
      "session.durable",
      "session.cursor",
      "message.egress",
    );
    // Slow answers, so that kills fall between a delivery and the word of it: the sends whose fate nobody can know.
    const telegram = await openTelegramStandIn({ token: KILL_TOKEN, isPaced: false, answerAfterMs: 150 });
    const hook = await openWebhookReceiver(KILL_HOOK_SECRET);
    hook.answerAfterMs = 100;
    const bundle = await makeKillBundle(["data"], { hookUrl: hook.url });
    const port = await freePort();
    const start = (): Promise<HostProcess> =>
      startHostProcess(".", {
        cwd: bundle,
        args: ["--port", String(port), "--data", join(bundle, "data")],
        env: { GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url}`, GREENTIC_LOG_LEVEL: "error" },
      });
    let host = await start();
    const random = seeded(20_261_121);
    let kills = 0;
    const killer = (async () => {
      while (kills < KILLS) {
        await pause(50 + random() * 700);
        await host.kill();
        kills++;
        host = await start();
      }
    })();
    const conversations = new Conversations(CONVERSATIONS, { telegram, gateway: () => `http://127.0.0.1:${port}` });
    // A conversation starts when its share of the kills has happened, so that kills fall on all of them.
    await conversations.hold(async (i) => {
      while (kills < Math.floor((i / CONVERSATIONS) * KILLS * 0.95)) await pause(20);
    });
    await killer;
    expect(kills).toBe(KILLS);
    await conversations.checkWebChat();

    // What is still unknown is resolved by policy after a while; then every row is at rest.
    await pause(15_000);
    expect(await host.stop()).toBe(0);
    const list = await promisify(execFile)(
      process.execPath,
      [join(ROOT, "src/cli/main.ts"), "outbox", "list", "--json", "--limit", "100000", "--data", join(bundle, "data")],
      { cwd: bundle, maxBuffer: 1 << 28 },
    );
    const { doubledInTelegram, recordedUnknown } = await conversations.check(JSON.parse(list.stdout) as SeenRow[]);
    const repeated = conversations.checkHook(hook);
    await telegram.close();
    await hook.close();
    process.stderr.write(
      `kills ${kills}, conversations ${CONVERSATIONS}, lost 0, doubled in WebChat 0, doubled at the webhook 0 (${repeated} repetitions known by their key), doubled in Telegram ${doubledInTelegram}, recorded as unknown ${recordedUnknown}\n`,
    );
  },
);
