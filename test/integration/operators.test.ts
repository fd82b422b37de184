import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openShell } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

const FLOW = (extra: { readonly words: string; readonly input: string }): string => `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa: { questions: [{ id: name, prompt: "Which name?", type: string }] }
    routing: [{ to: price }]
  price:
    tool.invoke: { tool: price, input: ${extra.input} }
    routing: [{ to: done }]
  done:
    message.send: { text: "${extra.words} {{ask.answers.name}}: {{price.result.price}}." }
    routing: out
`;
const KEY = "dev:demo:default:console:s1:console";

/** A server of prices that counts who asked, and a shell with a pack that asks it. */
async function openShop(): Promise<{
  readonly shell: Shell;
  readonly calls: () => number;
  readonly fail: (isFailing: boolean) => void;
  readonly run: (command: string) => ReturnType<Shell["run"]>;
  readonly pack: (name: string, flow: string) => Promise<void>;
  readonly close: () => void;
}> {
  let calls = 0;
  let isFailing = false;
  const server = createServer((_request, response) => {
    calls++;
    response.writeHead(isFailing ? 400 : 200, { "content-type": "application/json" }).end('{"price":7}');
  });
  server.listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const shell = openShell();
  writeFileSync(join(shell.dir, "greentic.toml"), 'journal = "replay"\n[security]\nreject_unsigned = false\n');
  const env = {
    GREENTIC_HTTP_REWRITE: `https://prices.example.com=http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  return {
    shell,
    calls: () => calls,
    fail: (next) => {
      isFailing = next;
    },
    run: (command) => shell.run(command, { env }),
    async pack(name, flow) {
      const files = {
        "pack.toml":
          '[pack]\nname = "shop"\nversion = "1.0.0"\ndescription = "Tells prices"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\non_message = "flows/on_message.ygtc"\n[assets]\ntoolmap = "assets/toolmap.json"\n',
        "flows/on_message.ygtc": flow,
        "assets/toolmap.json": '{"tools":[{"name":"price","http":{"url":"https://prices.example.com/price"}}]}',
      };
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(shell.dir, name, path)), { recursive: true });
        writeFileSync(join(shell.dir, name, path), text);
      }
      expect(await shell.run(`gtc pack build ${name} -o ${name}.gtpack`)).toMatchObject({ code: 0 });
    },
    close: () => void server.close(),
  };
}

const say = (text: string): string => `gtc runner run-flow --tenant demo --session s1 --input '{"text":"${text}"}'`;

test("gtc runner replay runs a recorded session against other versions, calls nothing again and names every differing decision", async () => {
  verifies("operators.journal", "operators.replay");
  const shop = await openShop();
  const { run } = shop;
  try {
    await shop.pack("first", FLOW({ words: "For", input: '{ name: "{{ask.answers.name}}" }' }));
    await shop.pack("words", FLOW({ words: "To", input: '{ name: "{{ask.answers.name}}" }' }));
    await shop.pack("asks", FLOW({ words: "For", input: '{ who: "{{ask.answers.name}}" }' }));
    expect(await run("gtc runner load --pack first.gtpack --tenant demo --allow-unsigned")).toMatchObject({ code: 0 });
    expect(await run(say("hello"))).toMatchObject({ stdout: "Which name?\n" });
    expect(await run(say("Ana"))).toMatchObject({ stdout: "For Ana: 7.\n" });
    expect(shop.calls()).toBe(1);

    const shown = await run(`gtc session show ${KEY} --json`);
    expect(shown.stdout).not.toContain("Ana");
    const { journal } = JSON.parse(shown.stdout) as { readonly journal: readonly { readonly turn: object }[] };
    expect(journal.map(({ turn }) => turn)).toMatchObject([
      { by: "message", status: "waiting", waitingAt: "ask", said: 1, steps: [{ node: "ask", outcome: "waiting" }] },
      {
        from: { flow: "on_message", node: "ask" },
        status: "done",
        steps: [{ node: "ask" }, { node: "price" }, { node: "done" }],
      },
    ]);
    expect((await run(`gtc session show ${KEY}`)).stdout).toContain("on_message/price  tool.invoke  ok");

    expect(await run(`gtc runner replay --pack first.gtpack --session ${KEY}`)).toMatchObject({
      code: 0,
      stdout: "2 turns replayed against shop 1.0.0: every decision is the same\n",
    });
    await run(`gtc session show ${KEY} --json --texts > kept.json`);
    const words = await run("gtc runner replay --pack words.gtpack --file kept.json --json");
    expect(words.code).toBe(1);
    expect((JSON.parse(words.stdout) as { readonly differences: object }).differences).toEqual([
      { revision: 2, what: "messages", expected: '[{"text":"For Ana: 7."}]', got: '[{"text":"To Ana: 7."}]' },
    ]);
    const asks = await run(`gtc runner replay --pack asks.gtpack --session ${KEY} --json`);
    expect(asks.code).toBe(1);
    expect((JSON.parse(asks.stdout) as { readonly differences: object }).differences).toContainEqual({
      revision: 2,
      what: "effect",
      expected: "on_message/price",
      got: "on_message/price with other input",
    });
    expect(shop.calls()).toBe(1);
    expect(await run(`gtc runner replay --pack first.gtpack --session ${KEY.replace("s1", "s2")}`)).toMatchObject({
      code: 3,
    });
  } finally {
    shop.close();
  }
});

test("gtc dlq lists what died, redrives it once and forgets it", { timeout: 120_000 }, async () => {
  verifies("operators.dlq");
  const shop = await openShop();
  const { run } = shop;
  const list = async (): Promise<readonly { readonly id: string; readonly reason: string }[]> =>
    JSON.parse((await run("gtc dlq list --json")).stdout) as { id: string; reason: string }[];
  try {
    await shop.pack("first", FLOW({ words: "For", input: "{}" }));
    expect(await run("gtc runner load --pack first.gtpack --tenant demo --allow-unsigned")).toMatchObject({ code: 0 });
    shop.fail(true);
    await run(say("hello"));
    await run(say("Ana"));
    const [dead, ...others] = await list();
    expect(others).toEqual([]);
    expect(dead).toMatchObject({ stage: "ingress", key: KEY });
    expect((await run("gtc dlq list")).stdout).not.toContain("Ana");

    expect(await run(`gtc dlq redrive ${dead?.id ?? ""}`)).toMatchObject({ code: 0 });
    expect(await list()).toEqual([]);
    expect(await run(`gtc dlq redrive ${dead?.id ?? ""}`)).toMatchObject({ code: 3 });
    expect(JSON.parse((await run(`gtc session show ${KEY} --json`)).stdout)).toMatchObject({ unread: 1 });
    expect(await run("gtc dlq redrive")).toMatchObject({ code: 2 });

    await run(say("again"));
    const [again] = await list();
    expect(await run(`gtc dlq drop ${again?.id ?? ""}`)).toMatchObject({ code: 0 });
    expect((await list()).some(({ id }) => id === again?.id)).toBe(false);
    expect(await run(`gtc dlq drop ${again?.id ?? ""}`)).toMatchObject({ code: 3 });
  } finally {
    shop.close();
  }
});
