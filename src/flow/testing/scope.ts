import type { FlowScope } from "../scope.ts";

/** A scope for tests, with the warnings that it was given. */
export function testScope(parts: Partial<FlowScope> = {}): FlowScope & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    in: {},
    prev: {},
    nodes: {},
    state: {},
    vars: {},
    parameters: {},
    session: {},
    tenant: {},
    locale: "en",
    now: {},
    t: (key, args) =>
      args === undefined || Object.keys(args).length === 0 ? `[${key}]` : `[${key} ${JSON.stringify(args)}]`,
    warn: (code, path) => warnings.push(`${code} ${path}`),
    ...parts,
    warnings,
  };
}
