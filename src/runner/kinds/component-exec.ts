import { GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { cardInvocationOf, isCardInvocation } from "../card-invocation.ts";
import type { LoadedComponent } from "../loaded-pack.ts";
import { resultOf } from "./component-output.ts";
import { emit, emitLog } from "./emit.ts";
import type { ComponentTarget } from "./invoke-component.ts";
import { invokeComponent } from "./invoke-component.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, text } from "./kind.ts";

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
  argument: "input",
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
  const { grants, links } = targetOf(input, call).component;
  // What it is linked to acts in its name.
  return [grants, ...links.map((link) => link.grants)].some(({ http, tools, oauth, secretsWrite }) =>
    [http, tools, oauth, secretsWrite].some((names) => names.length > 0),
  );
}

function targetOf(input: JsonValue, call: NodeCall): ComponentTarget {
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
): ComponentTarget {
  return {
    name,
    component,
    operation: call.operation ?? operationOf(name, { component, ...call }),
    input: call.input,
    config: call.config,
  };
}

/** The operation of a node that names none. @see upstream reference §1.6 and Appendix C */
function operationOf(
  name: string,
  call: { readonly component: LoadedComponent; readonly input: JsonValue; readonly config: JsonValue | undefined },
): string {
  if (call.component.abi === "exec") return "execute";
  if (name.startsWith("templating.")) return "render";
  return isCardInvocation(call.input, call.config) ? "card" : "invoke";
}

function withoutAddress(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([field]) => !ADDRESS.has(field)));
}

function runComponent(input: JsonValue, call: NodeCall): KindResult | Promise<KindResult> {
  const operation = call.node.compiled.ir.operation ?? text(fields(input)["operation"]) ?? text(fields(input)["op"]);
  if (operation?.startsWith("emit.") === true) return (operation === emitLog.name ? emitLog : emit).run(input, call);
  return invoke(targetOf(input, call), call);
}

async function invoke(target: ComponentTarget, call: NodeCall): Promise<KindResult> {
  const input = cardInvocationOf(target.input, { config: target.config, call }) ?? target.input;
  const result = await invokeComponent({ ...target, input }, call);
  return result.kind === "error" ? { kind: "error", error: result.error } : resultOf(result.output, call);
}
