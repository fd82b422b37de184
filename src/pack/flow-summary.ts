import { parseFlow } from "../flow/index.ts";

/** What pack tools tell about a flow. */
export interface FlowSummary {
  readonly id: string;
  readonly type: string;
  readonly title?: string;
  /** Ids of the nodes in file order. */
  readonly nodes: readonly string[];
  /** Names of the entrypoints. */
  readonly entrypoints: readonly string[];
}

/** Reads a flow's summary from its source. @throws the flow layer's errors, with their position */
export function summariseFlow(source: string, file: string): FlowSummary {
  const flow = parseFlow(source, { file });
  return {
    id: flow.id,
    type: flow.type,
    ...(flow.title === undefined ? {} : { title: flow.title }),
    nodes: [...flow.nodes.keys()],
    entrypoints: [...flow.entrypoints.keys()],
  };
}
