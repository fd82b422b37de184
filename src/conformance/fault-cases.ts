import type { JsonObject } from "../types/index.ts";

/** A fault that is injected, and what has to come of it. @see the public runner's `conformance --faults` */
interface FaultCase {
  readonly name: string;
  readonly title: string;
  readonly faults: readonly JsonObject[];
  readonly expect: { readonly retries: number; readonly status: "pass" | "fail"; readonly dlq: boolean };
}

const fault = (point: string, mode: string, kind: string): JsonObject => ({
  point,
  mode,
  error_kind: kind,
  message: "injected by conformance",
});

/** The published expectations. */
export const PUBLISHED_FAULTS: readonly FaultCase[] = [
  {
    name: "transient-once",
    title: "a call that fails once is made again",
    faults: [fault("BeforeComponentCall", "Once", "Transient")],
    expect: { retries: 1, status: "pass", dlq: false },
  },
  {
    name: "permanent",
    title: "a call that fails for good becomes a dead letter",
    faults: [fault("BeforeComponentCall", "Always", "Permanent")],
    expect: { retries: 0, status: "fail", dlq: true },
  },
  {
    name: "state-write-transient",
    title: "a write of state that fails once is made again",
    faults: [fault("StateWrite", "Once", "Transient")],
    expect: { retries: 1, status: "pass", dlq: false },
  },
  {
    name: "template-bad-input",
    title: "a template that can't be rendered fails at once, and isn't kept",
    faults: [fault("TemplateRender", "Once", "BadInput")],
    expect: { retries: 0, status: "fail", dlq: false },
  },
  {
    name: "wasm-trap",
    title: "a component that traps fails at once, and isn't kept",
    faults: [fault("AfterComponentCall", "Once", "Trap")],
    expect: { retries: 0, status: "fail", dlq: false },
  },
];
