import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { buildPack } from "../../src/pack/index.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

/** The full run is 300 conversations and 100 kills; a quick one proves the harness on every `npm test`. */
const CONVERSATIONS = Number(process.env["GREENTIC_KILL_CONVERSATIONS"] ?? 60);
const KILLS = Number(process.env["GREENTIC_KILLS"] ?? 12);
const TOKEN = "123456:kill-test-token-of-the-stand-in";
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "Which name?", type: string }
        - { id: colour, prompt: "Which colour?", type: string }
    routing: [{ to: note }]
  note:
    state.set: { key: "last", value: "{{ask.answers.name}} {{ask.answers.colour}}" }
    routing: [{ to: done }]
  done:
    message.send: { text: "Noted {{ask.answers.name}} {{ask.answers.colour}}." }
    routing: out
`;

async function makeBundle(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-kill-"));
  mkdirSync(join(dir, "pack/flows"), { recursive: true });
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  writeFileSync(join(dir, "pack/flows/on_message.ygtc"), FLOW);
  writeFileSync(
    join(dir, "pack/pack.toml"),
    '[pack]\nname = "kill"\nversion = "1.0.0"\ndescription = "Asks twice, answers once"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["kill"]\n[flows]\non_message = "flows/on_message.ygtc"\n',
  );
  writeFileSync(
    join(dir, "kill.gtpack"),
    (await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) })).bytes,
  );
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    "tenant: demo\nproviders:\n  webchat: { type: webchat }\n  messaging-telegram: { type: telegram }\napps:\n  kill: { pack: kill.gtpack }\n",
  );
  writeFileSync(join(dir, "greentic.toml"), "[security]\nreject_unsigned = false\n");
  writeFileSync(
    join(dir, "data/secrets.json"),
    JSON.stringify({ "secrets://dev/demo/_/messaging-telegram/telegram_bot_token": TOKEN }),
    { mode: 0o600 },
  );
  return dir;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Numbers from a seed, so that a run can be told again. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

const pause = (ms: number): Promise<void> => new Promise((later) => setTimeout(later, ms));
const expected = (i: number): readonly string[] => ["Which name?", "Which colour?", `Noted N${i} C${i}.`];
const said = (i: number): readonly string[] => ["hello", `N${i}`, `C${i}`];

test(
  `${CONVERSATIONS} conversations of three turns through ${KILLS} kills lose no message, double none in WebChat, and record every doubtful Telegram send`,
  { timeout: 900_000 },
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
    const telegram = await openTelegramStandIn({ token: TOKEN, isPaced: false, answerAfterMs: 150 });
    const bundle = await makeBundle();
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

    const webchat: DirectLineClient[] = [];
    // A conversation starts when its share of the kills has happened, so that kills fall on all of them.
    const turnOf = async (i: number): Promise<void> => {
      while (kills < Math.floor((i / CONVERSATIONS) * KILLS * 0.95)) await pause(20);
    };
    const converseInWebChat = async (i: number): Promise<void> => {
      await turnOf(i);
      const person = new DirectLineClient(() => `http://127.0.0.1:${port}`);
      webchat[i] = person;
      await person.open();
      for (const [n, text] of said(i).entries()) {
        await person.say(text);
        await person.until(n + 1, 300_000);
      }
    };
    const heardBy = (chat: number): readonly string[] =>
      telegram.sends.filter((send) => send.chatId === String(chat)).map((send) => send.text);
    const converseInTelegram = async (i: number): Promise<void> => {
      await turnOf(i);
      for (const [n, text] of said(i).entries()) {
        telegram.say(text, { chat: 1_000 + i, user: 1_000 + i });
        await telegram.until(() => heardBy(1_000 + i).includes(expected(i)[n] ?? ""));
      }
    };
    await Promise.all(
      Array.from({ length: CONVERSATIONS }, (_unused, i) =>
        i % 2 === 0 ? converseInWebChat(i) : converseInTelegram(i),
      ),
    );
    await killer;
    expect(kills).toBe(KILLS);

    for (const [i, person] of webchat.entries()) {
      if (person === undefined) continue;
      const all = await person.all();
      const isMine = (activity: { readonly from: { readonly id: string } }): boolean =>
        activity.from.id.startsWith("dl_");
      expect(all.filter(isMine).map((activity) => activity.text)).toEqual(said(i));
      expect(all.filter((activity) => !isMine(activity)).map((activity) => activity.text)).toEqual(expected(i));
    }

    // What is still unknown is resolved by policy after a while; then every row is at rest.
    await pause(15_000);
    expect(await host.stop()).toBe(0);
    const list = await promisify(execFile)(
      process.execPath,
      [join(ROOT, "src/cli/main.ts"), "outbox", "list", "--json", "--limit", "100000", "--data", join(bundle, "data")],
      { cwd: bundle, maxBuffer: 1 << 28 },
    );
    const rows = JSON.parse(list.stdout) as { key: string; wasUnknown: boolean; attempts: number }[];
    let doubled = 0;
    for (let i = 1; i < CONVERSATIONS; i += 2) {
      const heard = heardBy(1_000 + i);
      expect([...new Set(heard)]).toEqual(expected(i));
      // Each attempt after the first of a row that was in doubt may have been one too many; no other may.
      const inDoubt = rows.filter((row) => row.wasUnknown && row.key.includes(`:${1_000 + i}:`));
      const mayDouble = inDoubt.reduce((sum, row) => sum + row.attempts - 1, 0);
      expect(heard.length - expected(i).length).toBeLessThanOrEqual(mayDouble);
      doubled += heard.length - expected(i).length;
    }
    const unknown = rows.filter((row) => row.wasUnknown).length;
    await telegram.close();
    process.stderr.write(
      `kills ${kills}, conversations ${CONVERSATIONS}, lost 0, doubled in WebChat 0, doubled in Telegram ${doubled}, recorded as unknown ${unknown}\n`,
    );
  },
);
