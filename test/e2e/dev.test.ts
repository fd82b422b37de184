import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { openShell, ROOT } from "./shell.ts";

const PACK = `[pack]
name = "greetings"
version = "0.1.0"
description = "Greets"
authors = []
[capabilities]
id = "greentic.cap.app.v1"
provides = ["greetings"]
[flows]
greet = "flows/greet.ygtc"
chat = "flows/chat.ygtc"
[components]
greeter = "components/greeter.wasm"
`;
const FLOW = `id: greet
type: webhook
schema_version: 2
start: call
nodes:
  call:
    component.exec: { component: greeter, operation: greet, input: { name: "{{in.body.name}}" } }
    routing: [{ to: answer }]
  answer:
    emit.response: { text: "flow 1: {{call.text}}" }
    routing: out
`;

const CHAT = `id: chat
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa: { questions: [{ id: name, prompt: "Who is it? (1)", type: string }] }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{ask.answers.name}} (1)" }
    routing: out
`;

const shell = openShell();
const said: string[] = [];
let url = "";
let child: ReturnType<typeof spawn>;
let ended: Promise<number | null>;

/** Saves as editors do: beside the file, then over it. */
function save(path: string, change: (text: string) => string): void {
  const file = join(shell.dir, path);
  writeFileSync(`${file}.new~`, change(readFileSync(file, "utf8")));
  renameSync(`${file}.new~`, file);
}

/** Waits for a line that the program hasn't said before. */
async function line(pattern: RegExp, from: number): Promise<string> {
  const end = performance.now() + 20_000;
  for (;;) {
    const found = said.slice(from).find((text) => pattern.test(text));
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`no line like ${pattern.source} in:\n${said.slice(from).join("\n")}`);
    if (child.exitCode !== null) throw new Error(`gtc dev ended:\n${said.join("\n")}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

async function greet(): Promise<string> {
  const response = await fetch(`${url}/v1/webhook/demo/greet`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "Ada" }),
  });
  return response.text();
}

beforeAll(async () => {
  mkdirSync(join(shell.dir, "flows"));
  writeFileSync(join(shell.dir, "pack.toml"), PACK);
  writeFileSync(join(shell.dir, "flows/greet.ygtc"), FLOW);
  writeFileSync(join(shell.dir, "flows/chat.ygtc"), CHAT);
  expect(await shell.run("gtc component new greeter")).toMatchObject({ code: 0 });
  child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "dev", "--port", "0"], {
    cwd: shell.dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: shell.dir, GREENTIC_TENANT: "demo" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  ended = new Promise((done) => child.once("exit", (code) => done(code)));
  if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", (text) => said.push(text));
  url = /http:\S+/.exec(await line(/^ready /, 0))?.[0] ?? "";
});
afterAll(() => void child.kill("SIGKILL"));

describe("gtc dev", () => {
  test("builds the component and the pack of the directory, and runs them unsigned", async () => {
    verifies("cli.dev");
    expect(await greet()).toContain("flow 1: Hello, Ada!");
  });

  test("answers by a changed flow", async () => {
    const from = said.length;
    save("flows/greet.ygtc", (text) => text.replace("flow 1", "flow 2"));
    expect(await line(/^reloaded greetings /, from)).toMatch(/^reloaded greetings in \d+ ms \(flows\/greet\.ygtc\)$/);
    expect(await greet()).toContain("flow 2: Hello, Ada!");
  });

  test("answers by a changed component", async () => {
    const from = said.length;
    save("greeter/src/main.ts", (text) => text.replace("Hello, {{name}}", "Good day, {{name}}"));
    await line(/^reloaded greetings in \d+ ms \(greeter\/src\/main\.ts\)$/, from);
    expect(await greet()).toContain("flow 2: Good day, Ada!");
  });

  test("keeps what runs while a flow or a component is broken, and shows the place", async () => {
    verifies("cli.dev.keeps");
    const from = said.length;
    save("flows/greet.ygtc", (text) => text.replace("component.exec", "component.exek"));
    await line(/^kept greetings as it was /, from);
    const told = said.slice(from).join("\n");
    expect(told).toMatch(/^error\[FLOW_\w+\]: /m);
    expect(told).toMatch(/^ {2}--> \S+flows\/greet\.ygtc:\d+:\d+$/m);
    expect(told).toMatch(/^ +\| +\^$/m);
    expect(await greet()).toContain("flow 2: Good day, Ada!");
    const next = said.length;
    save("flows/greet.ygtc", (text) => text.replace("component.exek", "component.exec"));
    save("greeter/src/main.ts", (text) => text.replace("export default", "export = default"));
    await line(/^kept greetings as it was /, next);
    expect(said.slice(next).join("\n")).toMatch(
      /error\[COMPONENT_BUILD_FAILED\][\s\S]+--> \S+greeter\/src\/main\.ts:3:\d+/,
    );
    expect(await greet()).toContain("flow 2: Good day, Ada!");
    const last = said.length;
    save("greeter/src/main.ts", (text) => text.replace("export = default", "export default").replace("Good day", "Hi"));
    await line(/^reloaded greetings /, last);
    expect(await greet()).toContain("flow 2: Hi, Ada!");
  });

  test("lets who waits go on with what they began with, and others begin with what is new", async () => {
    const [early, late] = [new DirectLineClient(() => url), new DirectLineClient(() => url)];
    await early.open();
    await early.say("hello");
    await early.until(1);
    const from = said.length;
    save("flows/chat.ygtc", (text) => text.replaceAll("(1)", "(2)"));
    await line(/^reloaded greetings /, from);
    await late.open();
    await late.say("hello");
    await late.until(1);
    await early.say("Ada");
    await late.say("Bo");
    expect((await early.until(2)).map(({ text }) => text)).toEqual(["Who is it? (1)", "Ada (1)"]);
    expect((await late.until(2)).map(({ text }) => text)).toEqual(["Who is it? (2)", "Bo (2)"]);
  });

  test("takes files in folders that are new", async () => {
    const from = said.length;
    mkdirSync(join(shell.dir, "assets/i18n"), { recursive: true });
    writeFileSync(join(shell.dir, "assets/i18n/en.json"), '{ "bye": "Bye" }\n');
    await line(/^reloaded greetings in \d+ ms \(assets\/i18n\/en\.json\)$/, from);
    const next = said.length;
    save("assets/i18n/en.json", (text) => text.replace("Bye", "Good bye"));
    await line(/^reloaded greetings in \d+ ms \(assets\/i18n\/en\.json\)$/, next);
  });

  test("ends cleanly when it is interrupted", async () => {
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    expect(said.at(-1)).toBe("draining");
  });

  test("refuses other environments, and a directory without a pack", async () => {
    verifies("cli.dev.env");
    expect(await shell.run("gtc dev --env prod --port 0")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("error[CLI_ENV_REFUSED]"),
    });
    expect(await shell.run("gtc dev flows")).toMatchObject({ stderr: expect.stringContaining("PACK_SOURCE_MISSING") });
  });
});
