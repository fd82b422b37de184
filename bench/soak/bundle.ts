/** The bundle of a soak: flows of every kind, a component that behaves and one that doesn't, and new versions of the pack on demand. */
import { cpSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { hostileGuest } from "../../src/component/testing/hostile-guest.ts";
import { buildPack } from "../../src/pack/index.ts";

const DEMO = resolve(import.meta.dirname, "../../examples/weather-demo");

/** The bot token of the polled Telegram channel, and of the one that is told. */
export const BOT_TOKEN = "123456:soak-token-of-the-stand-in";
/** What the told channel's requests are signed with. */
export const SECRET_TOKEN = "soak-secret";

const ASK = `qa:
      questions:
        - { id: name, prompt: "Which name?", type: string }
        - { id: colour, prompt: "Which colour?", type: string }
      expires: 10m`;
const guest = (act: string, argument: string): string =>
  `component.exec: { component: guest, operation: execute, input: { act: ${act}, argument: "${argument}" } }`;

const MESSAGES = `id: on_message
type: messaging
schema_version: 2
start: ask
entrypoints:
  default: ask
  "command:/later": later
  "command:/hurry": hurry
  "command:/poison": poison
  "command:/trap": trap
  "command:/limit": limit
  "command:/echo": echo
nodes:
  ask:
    ${ASK}
    routing: [{ status: expired, out: true }, { to: note }]
  note:
    state.set: { key: "last", value: "{{ask.answers.name}} {{ask.answers.colour}}" }
    routing: [{ to: done }]
  done:
    message.send: { text: "Noted {{ask.answers.name}} {{ask.answers.colour}}." }
    routing: out
  later: { delay: { for: 2s }, routing: [{ to: told_later }] }
  told_later: { message.send: { text: "Later {{in.args.0}}." }, routing: out }
  hurry: { var.set: { key: word, value: "{{in.args.0}}" }, routing: [{ to: hurrying }] }
  hurrying:
    session.wait: { reason: hurry, expires: 3s }
    routing: [{ status: expired, to: too_late }, { to: in_time }]
  too_late: { message.send: { text: "Too late {{vars.word}}." }, routing: out }
  in_time: { message.send: { text: "In time." }, routing: out }
  poison: { ${guest("refuse", "poisoned")}, routing: out }
  trap:
    ${guest("recurse", "")}
    routing: [{ on: error, to: trapped }, { out: true }]
  trapped: { message.send: { text: "Trapped {{in.args.0}}." }, routing: out }
  limit:
    ${guest("spin", "")}
    timeout_ms: 500
    routing: [{ on: error, to: limited }, { on: timeout, to: limited }, { out: true }]
  limited: { message.send: { text: "Limited {{in.args.0}}." }, routing: out }
  echo:
    ${guest("echo", "{{in.args.0}}")}
    routing: [{ to: echoed }]
  echoed: { message.send: { text: "Echo {{in.args.0}}." }, routing: out }
`;
const TURN = `id: turn
type: webhook
schema_version: 2
start: render
nodes:
  render: { template.render: { template: "Hello {{in.text}}, welcome back." }, routing: [{ to: answer }] }
  answer: { message.send: { text: "{{render.text}}" }, routing: out }
`;
const CONVERSE = `id: converse
type: webhook
schema_version: 2
start: ask
nodes:
  ask:
    ${ASK}
    routing: [{ status: expired, out: true }, { to: answer }]
  answer: { message.send: { text: "Noted {{ask.answers.name}} {{ask.answers.colour}}." }, routing: out }
`;
const FORECAST = `id: forecast
type: webhook
schema_version: 2
start: forecast
nodes:
  forecast:
    tool.invoke: { tool: weather.forecast, input: { city: "{{in.text}}", date: today, units: celsius, locale: en } }
    routing: [{ on: error, to: sorry }, { to: format }]
  format:
    template.render: { asset: assets/templates/forecast.hbs, data: "{{forecast.result}}" }
    routing: [{ to: answer }]
  answer: { message.send: { text: "{{format.text}}" }, routing: out }
  sorry: { message.send: { text: "No forecast: {{forecast.error.code}}" }, routing: out }
`;
const POISON = `id: poison
type: webhook
schema_version: 2
start: poison
nodes:
  poison: { ${guest("refuse", "poisoned")}, routing: out }
`;
const TICK = `id: tick
type: timer
schema_version: 2
schedule: { cron: "*/10 * * * * *" }
start: note
nodes:
  note: { ${guest("echo", "tick")}, routing: out }
`;
const FLOWS = { on_message: MESSAGES, turn: TURN, converse: CONVERSE, forecast: FORECAST, poison: POISON, tick: TICK };

const packToml = (patch: number): string => `[pack]
name = "soak"
version = "1.0.${patch}"
description = "Everything that a soak asks for"
authors = []
[capabilities]
id = "greentic.cap.app.v1"
provides = ["soak"]
[flows]
${Object.keys(FLOWS)
  .map((name) => `${name} = "flows/${name}.ygtc"`)
  .join("\n")}
[components.forecast]
path = "components/forecast.wasm"
[components.forecast.grants]
http = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"]
assets = true
[components.guest]
path = "components/guest.wasm"
[components.guest.grants]
http = ["http://127.0.0.1"]
secrets = ["granted"]
state = "read-write"
tools = ["allowed"]
assets = true
[assets]
templates = "assets/templates/"
cards = "assets/cards/"
i18n = "assets/i18n/"
toolmap = "assets/toolmap.json"
normals = "assets/climate-normals.json"
`;

/** A bundle directory that a host can run. */
export interface SoakBundle {
  readonly dir: string;
  /** Puts the next version of the pack in the place of the last. */
  renew(): Promise<void>;
}

/** Makes the bundle; `data` names the data directories of the processes that run it. */
export async function makeSoakBundle(data: readonly string[]): Promise<SoakBundle> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-soak-"));
  for (const path of ["pack/flows", "pack/components"]) mkdirSync(join(dir, path), { recursive: true });
  for (const [name, text] of Object.entries(FLOWS)) writeFileSync(join(dir, `pack/flows/${name}.ygtc`), text);
  cpSync(join(DEMO, "assets"), join(dir, "pack/assets"), { recursive: true });
  cpSync(join(DEMO, "components/forecast.wasm"), join(dir, "pack/components/forecast.wasm"));
  writeFileSync(join(dir, "pack/components/guest.wasm"), (await hostileGuest()).bytes);
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    `tenant: demo
providers:
  webchat: { type: webchat }
  polled: { type: telegram }
  told: { type: telegram, config: { mode: webhook } }
apps:
  soak: { pack: soak.gtpack, default_flow: on_message }
`,
  );
  writeFileSync(
    join(dir, "greentic.toml"),
    "[server]\ntokens_per_minute = 1000000\n[security]\nreject_unsigned = false\n",
  );
  for (const name of data) {
    mkdirSync(join(dir, name), { mode: 0o700 });
    const secrets = {
      "secrets://dev/demo/_/polled/telegram_bot_token": BOT_TOKEN,
      "secrets://dev/demo/_/told/telegram_bot_token": BOT_TOKEN,
      "secrets://dev/demo/_/told/telegram_secret_token": SECRET_TOKEN,
    };
    writeFileSync(join(dir, name, "secrets.json"), JSON.stringify(secrets), { mode: 0o600 });
  }
  let patch = 0;
  const renew = async (): Promise<void> => {
    writeFileSync(join(dir, "pack/pack.toml"), packToml(patch++));
    const { bytes } = await buildPack(join(dir, "pack"), { probeComponent });
    writeFileSync(join(dir, "soak.next"), bytes);
    renameSync(join(dir, "soak.next"), join(dir, "soak.gtpack"));
  };
  await renew();
  return { dir, renew };
}
