import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openPublicPack } from "../../test/stand-ins/public-packs.ts";
import { verifies } from "../../test/verifies.ts";
import { InProcessComponentHost } from "../component/index.ts";
import { createMachineWorld } from "./machine-world.ts";
import type { TestRuntime } from "./runtime-fixture.ts";
import { makePack, openTestRuntime, TestWorld } from "./runtime-fixture.ts";

const root = process.env["GREENTIC_COMPAT_DIR"];
const providers = join(root ?? "", "greentic-messaging-providers");
const component = (path: string): Uint8Array => readFileSync(join(providers, path));

const GRANTS = 'assets = true\nstate = "read-write"\nhttp = ["https://api.example.com"]\nsecrets = ["api_key"]';

/** Time that passes by itself, as real components need it. */
class PassingWorld extends TestWorld {
  readonly #machine = createMachineWorld();
  override nowMs(): number {
    return this.#machine.nowMs();
  }
  override monotonicMs(): number {
    return this.#machine.monotonicMs();
  }
  override schedule(delayMs: number, task: () => void): () => void {
    return this.#machine.schedule(delayMs, task);
  }
}

async function open(
  flows: Readonly<Record<string, string>>,
  files: { readonly wasm: Readonly<Record<string, Uint8Array>>; readonly assets?: Readonly<Record<string, string>> },
): Promise<TestRuntime> {
  const { wasm, assets = {} } = files;
  const components = Object.fromEntries(Object.keys(wasm).map((name) => [name, GRANTS]));
  const pack = await makePack({ flows, components, wasm, assets });
  return openTestRuntime({ world: new PassingWorld(), pack, components: new InProcessComponentHost() });
}

const MSG = {
  id: "1",
  tenant: { env: "dev", tenant: "t", tenant_id: "t", env_id: "dev", attempt: 1 },
  channel: "c",
  session_id: "s",
  text: "hi",
  attachments: [],
  metadata: { k: "v" },
};

describe.skipIf(root === undefined)("public components in flows (GREENTIC_COMPAT_DIR)", () => {
  test("a text is rendered as the public templates component renders it", async () => {
    verifies("kinds.setup");
    const config = JSON.stringify({ template: "T [[payload.name]] [[msg.text]] [[state.a]]" });
    const values = JSON.stringify({ msg: MSG, payload: { name: 2 }, state: { a: 5 } }).slice(1, -1);
    const own = config.replaceAll("[[", "{{").replaceAll("]]", "}}");
    for (const shape of ['"output_path":"text","wrap":true', '"output_path":"a.b"', '"wrap":false', '"wrap":true']) {
      const { say } = await open(
        {
          default: `
id: default
type: job
start: public
nodes:
  public: { templates.text: { config: { template: "{{in.text}}", ${shape} }, ${values} }, routing: [{ to: own }] }
  own: { templating.handlebars: { ${own.slice(1, -1)}, ${shape}, ${values} }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{public.payload}}", "{{own.payload}}"] } }
`,
        },
        { wasm: { templates: component("components/ai.greentic.component-templates/templates.wasm") } },
      );
      const { output, error } = await say("T {{payload.name}} {{msg.text}} {{state.a}}");
      expect(error).toBeUndefined();
      const [given, made] = output as [unknown, unknown];
      expect(made).toEqual(given);
    }
  });

  test("questions are described and answers checked as the public questions component does", async () => {
    verifies("kinds.setup");
    const setup = readFileSync(join(import.meta.dirname, "../../test/fixtures/setup-questions.yaml"), "utf8");
    const { say } = await open(
      {
        default: `
id: default
type: job
start: public
nodes:
  public: { questions.emit: { id: x, spec_ref: assets/setup.yaml }, routing: [{ to: own }] }
  own: { describe: { id: x, spec_ref: assets/setup.yaml }, routing: [{ to: check }] }
  check: { questions.validate: { answers_json: "{{in.answers}}", spec_json: "{{in.spec}}" }, routing: [{ condition: "errors contains zzz", to: end }, { to: same }] }
  same: { validate_answers: { answers_json: "{{in.answers}}", spec_json: "{{in.spec}}" }, routing: [{ condition: "errors contains zzz", to: end }, { to: end }] }
  end: { flow.return: { value: ["{{public}}", "{{own}}", "{{check}}", "{{same}}"] } }
`,
      },
      { wasm: { questions: component("components/questions/questions.wasm") }, assets: { "setup.yaml": setup } },
    );
    // The public component's own questions lack what it asks of a specification: choices.
    const spec = JSON.stringify({
      id: "x",
      title: "X",
      questions: [
        {
          name: "url",
          title: "",
          kind: "string",
          required: true,
          choices: [],
          validate: { regex: "^https://", min: null, max: null },
        },
        { name: "count", title: "", kind: "number", choices: [], validate: { regex: null, min: 2, max: 5 } },
        { name: "on", title: "", kind: "bool", choices: [], default: true },
        { name: "size", title: "", kind: "choice", choices: ["s", "m"] },
      ].map((question) => ({ secret: false, required: false, ...question })),
    });
    let count = 0;
    for (const answers of [
      "{}",
      '{"url":"ftp://x","count":9,"on":true}',
      '{"url":"https://x","count":3}',
      '{"url":5}',
    ]) {
      const { output, error } = await say({ answers, spec }, { session: `s${++count}` });
      expect(error).toBeUndefined();
      const [given, own, checked, same] = output as [
        { questions: object[] },
        { questions: object[] },
        unknown,
        unknown,
      ];
      expect(own.questions).toMatchObject(given.questions.map(({ ...question }) => withoutEmptyRules(question)));
      expect(same).toEqual(checked);
    }
  });

  test("provider.invoke reaches public providers, and what they refuse is an outcome", async () => {
    verifies("kinds.provider");
    const { say } = await open(
      {
        default: `
id: default
type: job
start: call
nodes:
  call:
    provider.invoke:
      provider_id: "{{in.text}}"
      op: render_plan
      input: { v: 1, message: ${JSON.stringify({ ...MSG, text: "Hello" })} }
      out_map: { ok: /result/ok, plan: /result/plan }
    routing: [{ on: error, to: refused }, { to: end }]
  refused: { flow.return: { value: "{{call.error.message}}" } }
  end: { flow.return: { value: "{{call}}" } }
`,
      },
      {
        wasm: {
          telegram: component("dist/wasms/messaging-provider-telegram.wasm"),
          dummy: component("dist/wasms/messaging-provider-dummy.wasm"),
        },
      },
    );
    const { output } = await say("telegram");
    expect(output).toMatchObject({ ok: true, plan: {} });
    expect(JSON.stringify(output)).toContain("Hello");
    expect((await say("dummy", { session: "s2" })).output).toMatch(/unsupported op|no operation/);
  });

  test("the flows of a public provider pack run, though its component for them is empty", async () => {
    verifies("kinds.setup");
    const pack = await openPublicPack(join(providers, "dist/packs/messaging-telegram.gtpack"));
    const { say } = await openTestRuntime({
      world: new PassingWorld(),
      pack,
      components: new InProcessComponentHost(),
    });
    const input = { msg: MSG, answers_json: '{"public_base_url":"https://x"}', dry_run: "true" };
    const run = (flow: string): ReturnType<typeof say> => say(input, { choice: { flow }, session: flow });
    for (const flow of ["default", "diagnostics", "requirements", "verify_webhooks", "sync_subscriptions"]) {
      const report = await run(flow);
      expect(report).toMatchObject({ status: "done", output: { payload: { text: expect.any(String) } } });
    }
    // The pack's own plan lacks the values that its own component asks for: what fails is the call, by its code, at its node.
    expect(await run("setup_default")).toMatchObject({
      status: "error",
      error: { node: "setup_default__apply", code: "INVALID_INPUT" },
    });
  });
});

function withoutEmptyRules(question: object): object {
  return Object.fromEntries(
    Object.entries(question).map(([key, value]: [string, unknown]) => [
      key,
      key === "validate" && typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).filter(([, rule]) => rule !== null))
        : value,
    ]),
  );
}
