import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { addStep, deleteStep, newFlowText, updateStep } from "./edit-flow.ts";
import { deleteYaml, setYaml } from "./edit-yaml.ts";
import { parseFlow } from "./parse-flow.ts";
import { bindInSidecar, sidecarOf } from "./resolve-sidecar.ts";
import { WEATHER } from "./testing/weather.ts";
import { verifies } from "../../test/verifies.ts";

const FLOW = `# The shop's front door.
id: shop
type: messaging
start: ask     # begins here
entrypoints: { default: ask, "command:/help": help }
nodes:
  # Asks what.
  ask:
    qa:   { questions: [{ id: what,   prompt: 'What?' }] }   # one question
    routing:
      - { status: cancelled, to: bye }   # as they like
      - { to: answer }

  answer:
    message.send:
      text: |
        You said
        {{ask.answers.what}}
    routing: out

  # Says good bye.
  # In two lines.
  bye: { message.send: { text: 'Bye' }, routing: out }

  help: { message.send: { text: "Help" }, routing: out } # last
`;

/** Lines that one text has and the other hasn't. */
function changes(before: string, after: string): readonly string[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  return [
    ...a.filter((line) => !b.includes(line)).map((line) => `-${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `+${line}`),
  ];
}

test("addStep() puts a step behind another and leaves every other line as it is", () => {
  verifies("flow.edit");
  const step = { id: "thanks", kind: "message.send", input: { text: "Thanks, {{ask.answers.what}}" } };
  // What led out of `answer` leads out of the new step.
  const made = addStep(FLOW, step, "answer");
  expect(made).toContain(
    `    routing: [{ to: thanks }]\n\n  thanks:\n    message.send: { text: "Thanks, {{ask.answers.what}}" }\n    routing: out\n`,
  );
  expect(changes(FLOW, made)).toHaveLength(3);
  const behindAsk = parseFlow(addStep(FLOW, step, "ask"), { file: "f" });
  expect(behindAsk.nodes.get("ask")?.routing).toMatchObject([{ status: "cancelled" }, { target: { node: "thanks" } }]);
  expect(behindAsk.nodes.get("thanks")?.routing).toMatchObject([{ target: { node: "answer" } }]);
  expect([...behindAsk.nodes.keys()]).toEqual(["ask", "thanks", "answer", "bye", "help"]);
  expect(() => addStep(FLOW, { ...step, id: "bye" })).toThrow(
    expect.objectContaining({ code: "FLOW_EDIT_INVALID" }) as Error,
  );
  expect(() => addStep(FLOW, step, "by")).toThrow(/did you mean "bye"/);
});

test("updateStep() changes what is named and keeps comments and quotes", () => {
  verifies("flow.edit");
  expect(changes(FLOW, updateStep(FLOW, "bye", { members: { text: "See you" } }))).toEqual([
    "-  bye: { message.send: { text: 'Bye' }, routing: out }",
    "+  bye: { message.send: { text: See you }, routing: out }",
  ]);
  expect(changes(FLOW, updateStep(FLOW, "ask", { kind: "questions" }))).toEqual([
    "-    qa:   { questions: [{ id: what,   prompt: 'What?' }] }   # one question",
    "+    questions:   { questions: [{ id: what,   prompt: 'What?' }] }   # one question",
  ]);
  expect(changes(FLOW, updateStep(FLOW, "help", { routing: [{ to: "ask" }] }))).toEqual([
    '-  help: { message.send: { text: "Help" }, routing: out } # last',
    '+  help: { message.send: { text: "Help" }, routing: [{ to: ask }] } # last',
  ]);
  const kinded = "id: f\ntype: messaging\nnodes:\n  a:\n    kind: message.send\n    input: { text: x }\n";
  expect(updateStep(kinded, "a", { kind: "emit.response", input: { text: "y" } })).toBe(
    kinded.replace("message.send", "emit.response").replace("text: x", "text: y"),
  );
});

test("deleteStep() leads what led to it to where it led, and takes its comment with it", () => {
  verifies("flow.edit");
  const without = deleteStep(FLOW, "bye");
  expect(changes(FLOW, without)).toEqual([
    "-      - { status: cancelled, to: bye }   # as they like",
    "-  # Says good bye.",
    "-  # In two lines.",
    "-  bye: { message.send: { text: 'Bye' }, routing: out }",
    "+      - { status: cancelled, out: true }   # as they like",
  ]);
  const begun = parseFlow(deleteStep(FLOW, "ask"), { file: "f" });
  expect([begun.start, begun.entrypoints.get("default")]).toEqual(["answer", "answer"]);
  expect(() => deleteStep(FLOW, "help")).toThrow(/entrypoints\.command:\/help/);
  expect(parseFlow(deleteStep(FLOW, "help", "bye"), { file: "f" }).entrypoints.get("command:/help")).toBe("bye");
});

test("newFlowText() makes a flow that parses", () => {
  verifies("flow.edit");
  expect(parseFlow(newFlowText({ id: "f", type: "webhook", title: "a: b" }), { file: "f" })).toMatchObject({
    id: "f",
    type: "webhook",
    title: "a: b",
    start: "hello",
  });
});

const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text.replaceAll("-0", "0")) as never);

test("setYaml() and deleteYaml() mean what they say, whatever the value", () => {
  verifies("flow.edit");
  fc.assert(
    fc.property(
      fc.constantFrom(FLOW, WEATHER),
      fc.constantFrom("bye", "ask", "new", "a: b", "#"),
      json,
      (source, id, value) => {
        const read = (text: string): Record<string, unknown> =>
          (parseDocumentValue(text) as { nodes: Record<string, unknown> }).nodes;
        const made = setYaml(source, ["nodes", id], value);
        const before = read(source);
        expect(read(made)).toEqual({ ...before, [id]: JSON.parse(JSON.stringify(value)) as unknown });
        const { [id]: _gone, ...rest } = read(made);
        expect(read(deleteYaml(made, ["nodes", id]))).toEqual(rest);
      },
    ),
    { numRuns: 300 },
  );
});

function parseDocumentValue(text: string): unknown {
  return parse(text, { version: "1.2" });
}

test("bindInSidecar() keeps bindings of nodes that are there, and no others", () => {
  verifies("flow.edit.bind");
  const nodes = new Set(["a", "b"]);
  const first = bindInSidecar("", {
    flowName: "f.ygtc",
    node: "b",
    nodes,
    binding: { source: { kind: "local", path: "x.wasm" }, mode: "tracked" },
  });
  const stale = first.replace('"b"', '"gone"');
  const binding = { source: { kind: "oci", ref: "oci://r/x:1", digest: "sha256:00" }, mode: "pinned" } as const;
  expect(JSON.parse(bindInSidecar(first, { flowName: "f.ygtc", node: "a", nodes, binding }))).toEqual({
    schema_version: 1,
    flow: "f.ygtc",
    nodes: { a: binding, b: { source: { kind: "local", path: "x.wasm" }, mode: "tracked" } },
  });
  expect(
    Object.keys(
      (JSON.parse(bindInSidecar(stale, { flowName: "f.ygtc", node: "a", nodes, binding })) as { nodes: object }).nodes,
    ),
  ).toEqual(["a"]);
  for (const text of ["{", "[]", '{"schema_version":2}'])
    expect(() => bindInSidecar(text, { flowName: "f", node: "a", nodes, binding })).toThrow(
      expect.objectContaining({ code: "FLOW_SIDECAR_INVALID" }) as Error,
    );
  expect(() =>
    bindInSidecar("", {
      flowName: "f",
      node: "a",
      nodes,
      binding: { source: { kind: "oci", ref: "x" }, mode: "pinned" },
    }),
  ).toThrow(/digest/);
  expect(sidecarOf("flows/f.ygtc")).toBe("flows/f.ygtc.resolve.json");
});
