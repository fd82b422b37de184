import { checkStructure } from "./check-structure.ts";
import type { FlowFinding } from "./finding.ts";
import { Findings } from "./finding.ts";
import type { FlowIr } from "./ir.ts";
import { readFlow } from "./read-flow.ts";
import { readYamlPaced } from "./read-yaml.ts";
import { GreenticError, Pace, runWhole } from "../types/index.ts";
import type { Paced } from "../types/index.ts";

/** Names the file for positions. */
export interface ParseOptions {
  readonly file: string;
}

/** What a text gives: the flow where it could be read, and everything that there is to say about it. */
export interface FlowInspection {
  readonly flow: FlowIr | undefined;
  readonly findings: readonly FlowFinding[];
}

/**
 * Parses a flow in any of its spellings: YGTc schema versions 1 and 2, `kind` with `input`, the files of 2025. Warnings are
 * for `inspectFlow` and `doctorFlow`.
 * @throws the first error, with its place: FLOW_YAML_*, FLOW_SHAPE_INVALID, FLOW_NODE_SHAPE_INVALID, FLOW_ROUTE_*, …
 * @see upstream reference §1.1
 */
export function parseFlow(source: Uint8Array | string, options: ParseOptions): FlowIr {
  const findings = new Findings();
  const flow = runWhole(inspect(source, { ...options, findings, pace: new Pace() }));
  findings.throwFirst();
  // Every way to no flow leaves an error; this line says so to the compiler.
  if (flow === undefined) throw new GreenticError("FLOW_SHAPE_INVALID", "Read flow: nothing there");
  return flow;
}

/** Parses a flow and collects every finding instead of throwing. */
export function inspectFlow(source: Uint8Array | string, options: ParseOptions): FlowInspection {
  return runWhole(inspectFlowPaced(source, { ...options, pace: new Pace() }));
}

/** Inspects as {@link inspectFlow}, in turns. */
export function* inspectFlowPaced(
  source: Uint8Array | string,
  options: ParseOptions & { readonly pace: Pace },
): Paced<FlowInspection> {
  const findings = new Findings();
  const flow = yield* inspect(source, { ...options, findings });
  return { flow, findings: findings.list };
}

/** Reading a value of a flow takes about so many microseconds. */
const STEPS_PER_VALUE = 1;

function* inspect(
  source: Uint8Array | string,
  to: { readonly file: string; readonly findings: Findings; readonly pace: Pace },
): Paced<FlowIr | undefined> {
  const yaml = yield* readYamlPaced(source, to);
  if (yaml !== undefined && to.pace.spend(yaml.values.size * STEPS_PER_VALUE)) yield;
  const read = yaml === undefined ? undefined : readFlow(yaml, to);
  if (read !== undefined) checkStructure(read.flow, to.findings, read.unread);
  return read?.flow;
}
