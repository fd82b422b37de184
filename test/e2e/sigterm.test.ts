import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../stand-ins/server-program.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { Conversations, KILL_TOKEN, makeKillBundle, pause, seeded } from "./kill-harness.ts";
import type { SeenRow } from "./kill-harness.ts";
import { ROOT } from "./shell.ts";

/** The full run is 30; a quick one proves it on every `npm test`. */
const STOPS = Number(process.env["GREENTIC_SIGTERMS"] ?? 3);
const CONVERSATIONS = STOPS * 14;
const MAX_STOP_MS = 10_000;

test(
  `a host under load that is told to stop ${STOPS} times ends by itself within ten seconds, and ${CONVERSATIONS} conversations lose and double nothing`,
  { timeout: 3_600_000 },
  async () => {
    verifies("host.stop.load");
    // Slow answers, so that sends are under way when it is told.
    const telegram = await openTelegramStandIn({ token: KILL_TOKEN, isPaced: false, answerAfterMs: 150 });
    const bundle = await makeKillBundle(["data"]);
    const port = await freePort();
    const start = (): Promise<HostProcess> =>
      startHostProcess(".", {
        cwd: bundle,
        args: ["--port", String(port), "--data", join(bundle, "data")],
        env: { GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url}`, GREENTIC_LOG_LEVEL: "error" },
      });
    let host = await start();
    onTestFinished(() => host.kill());
    const random = seeded(20_261_125);
    const codes: number[] = [];
    let slowestMs = 0;
    const stopping = (async () => {
      while (codes.length < STOPS) {
        await pause(100 + random() * 900);
        const toldMs = performance.now();
        codes.push(await host.stop());
        slowestMs = Math.max(slowestMs, performance.now() - toldMs);
        host = await start();
      }
    })();
    const conversations = new Conversations(CONVERSATIONS, { telegram, gateway: () => `http://127.0.0.1:${port}` });
    // A conversation starts when its share of the stops has happened, so that they fall on all of them.
    await conversations.hold(async (i) => {
      while (codes.length < Math.floor((i / CONVERSATIONS) * STOPS)) await pause(20);
    });
    await stopping;
    await conversations.checkWebChat();
    expect(await host.stop()).toBe(0);
    expect(codes).toEqual(codes.map(() => 0));
    expect(slowestMs).toBeLessThan(MAX_STOP_MS);
    const list = await promisify(execFile)(
      process.execPath,
      [join(ROOT, "src/cli/main.ts"), "outbox", "list", "--json", "--limit", "100000", "--data", join(bundle, "data")],
      { cwd: bundle, maxBuffer: 1 << 28 },
    );
    const verdict = await conversations.check(JSON.parse(list.stdout) as SeenRow[]);
    await telegram.close();
    // Whoever is told has time to hear the end of each send.
    expect(verdict).toEqual({ doubledInTelegram: 0, recordedUnknown: 0 });
    process.stderr.write(
      `stops ${STOPS}, slowest ${Math.round(slowestMs)} ms, conversations ${CONVERSATIONS}, lost 0, doubled 0, unknown 0\n`,
    );
  },
);
