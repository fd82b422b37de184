import type { ComponentResult } from "../../component/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { LoadedComponent, LoadedPack } from "../loaded-pack.ts";
import type { NodeCall } from "./kind.ts";

/** One call of a component of the running pack, or of another one of the team. */
export interface ComponentTarget {
  readonly name: string;
  readonly component: LoadedComponent;
  readonly operation: string;
  readonly input: JsonValue;
  readonly config: JsonValue | undefined;
  /** Whose component it is; default the running pack's. */
  readonly pack?: LoadedPack;
}

/** The code of a failure whose component gives none that is one. */
export const FAILED = "COMPONENT_FAILED";

/** Tells whether a component's word for a failure is a code: events and dead letters carry it, so it can't be any text. */
export function isErrorCode(code: string): boolean {
  return /^[A-Za-z][\w.:-]{0,63}$/.test(code);
}

/** Calls a component with the grants, secrets, assets and configuration of its own pack. */
export async function invokeComponent(target: ComponentTarget, call: NodeCall): Promise<ComponentResult> {
  const { effect } = call;
  if (effect === undefined) throw new TypeError("Run component: outside of an attempt");
  const { name, component, operation, input, pack = call.pack } = target;
  const config = target.config ?? (pack.hasConfig ? pack.config : undefined);
  // Two packs may name a component alike; each keeps its own state.
  const owner = pack.name === call.pack.name ? name : `${pack.name}.${name}`;
  call.noteCall({ target: owner });
  const result = await pack.host.invoke(effect.ctx, {
    sha256: component.sha256,
    component: owner,
    operation,
    input,
    ...(config === undefined ? {} : { config }),
    grants: component.grants,
    links: component.links,
    reuse: component.reuse,
    pack: component.pack,
    services: effect.servicesFor(owner, pack),
    timeoutMs: effect.timeoutMs,
  });
  call.noteCall({ target: owner, stats: result.stats });
  if (result.kind === "ok" || isErrorCode(result.error.code)) return result;
  return { ...result, error: { ...result.error, code: FAILED } };
}
