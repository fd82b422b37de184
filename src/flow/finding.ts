import type { ErrorCode, SourcePosition } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";

/** One thing that `doctor` has to say about a flow. */
export interface FlowFinding {
  readonly code: ErrorCode;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly at: SourcePosition;
  readonly node?: string;
}

/** What a finding says beside its code and message. */
export interface FindingPlace {
  readonly at: SourcePosition;
  readonly severity?: FlowFinding["severity"];
  readonly node?: string | undefined;
}

/** Collects findings in the order in which they are made. */
export class Findings {
  readonly list: FlowFinding[] = [];

  /** Adds a finding, an error unless said otherwise. */
  add(code: ErrorCode, message: string, place: FindingPlace): void {
    const { at, severity = "error", node } = place;
    this.list.push({ code, severity, message, at, ...(node === undefined ? {} : { node }) });
  }

  /** Adds what was thrown where it is one of this system's errors, else throws it again. */
  addThrown(thrown: unknown, place: FindingPlace): void {
    if (!(thrown instanceof GreenticError)) throw thrown;
    this.add(thrown.code, thrown.message, { ...place, at: thrown.at ?? place.at });
  }

  /** Throws the first error where there is one. */
  throwFirst(): void {
    const first = this.list.find((finding) => finding.severity === "error");
    if (first !== undefined) {
      throw new GreenticError(first.code, first.message, {
        at: first.at,
        details: first.node === undefined ? undefined : { node: first.node },
      });
    }
  }
}
