import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue, OutcomeError } from "../../types/index.ts";
import { isCardInvocation, prepareCard } from "../card-invocation.ts";
import type { LoadedComponent } from "../loaded-pack.ts";
import { emit } from "./emit.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, text } from "./kind.ts";
import { messagesOf } from "./output-messages.ts";

/** What one component node calls. */
interface Target {
  readonly name: string;
  readonly component: LoadedComponent;
  readonly operation: string;
  readonly input: JsonValue;
  readonly config: JsonValue | undefined;
}

/** Fields that say which component to call and how; a payload of nothing else carries its input in `input`. */
const ADDRESS = new Set(["component", "component_ref", "operation", "op", "input", "config"]);

/** `component.exec`: calls a component that the input names. */
export const componentExec: Kind = {
  name: "component.exec",
  summary: "Calls an operation of a WebAssembly component of the pack.",
  effect: "effectful",
  statuses: "any",
  rerunsOnMessage: true,
  isComponent: true,
  isEffectful: (input, call) => isEffectful(input, call),
  input: {
    type: "object",
    properties: {
      component: { type: "string" },
      component_ref: { type: "string" },
      operation: { type: "string" },
      op: { type: "string" },
      input: {},
      config: {},
    },
  },
  output: { description: "The component's output" },
  run: (input, call) => runComponent(input, call),
};

/** `<component>.<operation>`: calls the component that the operation key names. */
export const componentOperation: Kind = {
  ...componentExec,
  name: "<component>.<operation>",
  summary: "Calls the operation of the component that the key names; the input is the component's own.",
  input: {},
};

function isEffectful(input: JsonValue, call: NodeCall): boolean {
  const { grants } = targetOf(input, call).component;
  return grants.http.length > 0 || grants.tools.length > 0;
}

function targetOf(input: JsonValue, call: NodeCall): Target {
  const { resolved, ir } = call.node.compiled;
  const payload = fields(input);
  const named = text(payload["component"]) ?? text(payload["component_ref"]);
  const addressed = Object.keys(payload).every((field) => ADDRESS.has(field)) && payload["input"] !== undefined;
  const argument = addressed || named !== undefined ? (payload["input"] ?? withoutAddress(payload)) : input;
  const config = addressed || named !== undefined ? payload["config"] : undefined;
  const asked = ir.operation ?? text(payload["operation"]) ?? text(payload["op"]);
  if (resolved?.kind === "component") {
    const whole = call.pack.components.get(ir.kind);
    if (whole !== undefined) return target(ir.kind, whole, { operation: asked, input: argument, config });
    const part = call.pack.components.get(resolved.component);
    if (part !== undefined) {
      return target(resolved.component, part, { operation: resolved.operation ?? asked, input: argument, config });
    }
  }
  const component = named === undefined ? undefined : call.pack.components.get(named);
  if (named === undefined || component === undefined) {
    throw new GreenticError(
      "RUNNER_COMPONENT_MISSING",
      `Run ${quote(ir.kind)}: the pack has no component ${quote(named ?? ir.kind)}`,
    );
  }
  return target(named, component, {
    operation: asked ?? (ir.kind === "component.exec" ? undefined : ir.kind),
    input: argument,
    config,
  });
}

function target(
  name: string,
  component: LoadedComponent,
  call: { readonly operation: string | undefined; readonly input: JsonValue; readonly config: JsonValue | undefined },
): Target {
  const byFamily = component.abi === "exec" ? "execute" : name.startsWith("templating.") ? "render" : "invoke";
  return { name, component, operation: call.operation ?? byFamily, input: call.input, config: call.config };
}

function withoutAddress(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([field]) => !ADDRESS.has(field)));
}

function runComponent(input: JsonValue, call: NodeCall): KindResult | Promise<KindResult> {
  const operation = call.node.compiled.ir.operation ?? text(fields(input)["operation"]) ?? text(fields(input)["op"]);
  if (operation?.startsWith("emit.") === true) return emit.run(input, call);
  return invoke(targetOf(input, call), call);
}

async function invoke(target: Target, call: NodeCall): Promise<KindResult> {
  const { effect } = call;
  if (effect === undefined) throw new TypeError("Run component: outside of an attempt");
  call.noteCall({ target: target.name });
  const result = await call.pack.host.invoke(effect.ctx, {
    sha256: target.component.sha256,
    component: target.name,
    operation: target.operation,
    input: isCardInvocation(target.input) ? prepareCard(target.input, call.pack) : target.input,
    ...(target.config === undefined
      ? call.pack.hasConfig
        ? { config: call.pack.config }
        : {}
      : { config: target.config }),
    grants: target.component.grants,
    services: effect.servicesFor(target.name),
    timeoutMs: effect.timeoutMs,
  });
  call.noteCall({ target: target.name, stats: result.stats });
  if (result.kind === "error") return { kind: "error", error: result.error };
  return resultOf(result.output, call);
}

/** What a component's output means: its own failure, its own status, or a wish of public components. */
function resultOf(output: JsonValue, call: NodeCall): KindResult {
  if (!isJsonObject(output)) return { kind: "ok", status: "ok", output };
  const failure = output["ok"] === false ? errorOf(output["error"]) : undefined;
  if (failure !== undefined) return { kind: "error", error: failure, output };
  const control = output["greentic_control"];
  if (isJsonObject(control)) {
    if (control["action"] === "jump") {
      return { kind: "goto", flow: text(control["flow"]), node: text(control["node"]), input: control["payload"] };
    }
    if (control["action"] === "respond") for (const draft of messagesOf(control["text"] ?? null)) call.send(draft);
  }
  const status = output["status"];
  return { kind: "ok", status: typeof status === "string" && status !== "" ? status : "ok", output };
}

function errorOf(error: JsonValue | undefined): OutcomeError | undefined {
  if (!isJsonObject(error)) return undefined;
  const { code, message, retryable, details } = error;
  return {
    code: typeof code === "string" ? code : "COMPONENT_FAILED",
    message: typeof message === "string" ? message : "The component reported a failure",
    retryable: retryable === true,
    ...(details === undefined ? {} : { details }),
  };
}
