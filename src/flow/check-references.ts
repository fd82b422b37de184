import type { JsonObject, SourcePosition } from "../types/index.ts";
import { didYouMean, quote } from "../types/index.ts";
import type { FlowFinding, Findings } from "./finding.ts";
import { GUARD_ROOTS } from "./guard-path.ts";
import type { FlowIr } from "./ir.ts";
import type { Path } from "./path.ts";
import { follow, formatPath, ROOTS } from "./path.ts";
import { checkPath } from "./schema-path.ts";
import type { I18nBundles } from "./translator.ts";

/** Where a reference stands. */
export interface ReferencePlace {
  readonly at: SourcePosition;
  readonly node?: string;
}

/** Checks what a flow's values refer to against what is known of its nodes, parameters and texts. */
export class ReferenceChecker {
  readonly #flow: FlowIr;
  readonly #findings: Findings;
  /** Output schema of a node, where its kind promises one. */
  readonly #outputOf: (node: string) => JsonObject | undefined;

  constructor(
    flow: FlowIr,
    to: { readonly findings: Findings; readonly outputOf: (node: string) => JsonObject | undefined },
  ) {
    this.#flow = flow;
    this.#findings = to.findings;
    this.#outputOf = to.outputOf;
  }

  /** Checks a path of a value. */
  checkValuePath(path: Path, place: ReferencePlace): void {
    const [root = "", second, third] = path;
    if (root === "parameters") return this.#checkParameter(path, place);
    if (root === "node")
      return second === undefined ? undefined : this.#checkNode(second, { path: path.slice(2), place, whole: path });
    if (root === "state" && second === "nodes" && third !== undefined) {
      return this.#checkNode(third, { path: path[3] === "payload" ? path.slice(4) : [], place, whole: path });
    }
    if (ROOTS.has(root)) return undefined;
    if (this.#flow.nodes.has(root)) return this.#checkNode(root, { path: path.slice(1), place, whole: path });
    return this.#say(path, { ...place, problem: `no root or node ${quote(root)}${didYouMean(root, this.#names())}` });
  }

  /** Checks a path of a guard, whose names may be members of the node's own output. */
  checkGuardPath(path: Path, place: ReferencePlace & { readonly node: string; readonly isSpread: boolean }): void {
    const [root = ""] = path;
    if (root === "output") return this.#checkNode(place.node, { path: path.slice(1), place, whole: path });
    if (GUARD_ROOTS.has(root)) return undefined;
    if (!place.isSpread || ROOTS.has(root) || this.#flow.nodes.has(root)) return this.checkValuePath(path, place);
    const verdict = checkPath(this.#outputOf(place.node), path);
    if (verdict.kind === "possible") return undefined;
    const names = [...verdict.known, ...this.#names(), ...GUARD_ROOTS];
    return this.#say(path, {
      ...place,
      severity: verdict.kind === "impossible" ? "error" : "warning",
      problem: `no member ${quote(verdict.step)} in the node's output, and no root or node of that name${didYouMean(verdict.step, names)}`,
    });
  }

  /** Checks that a text exists in every locale that there is. */
  checkText(key: string, place: ReferencePlace & { readonly bundles: I18nBundles }): void {
    const lacking = Object.entries(place.bundles).filter(([, bundle]) => !Object.hasOwn(bundle, key));
    if (lacking.length === 0) return;
    const isLost = lacking.length === Object.keys(place.bundles).length;
    const known = isLost ? Object.values(place.bundles).flatMap((bundle) => Object.keys(bundle)) : [];
    const where = isLost
      ? `in no locale${didYouMean(key, new Set(known))}`
      : `not in ${lacking.map(([locale]) => locale).join(", ")}`;
    this.#findings.add("FLOW_I18N_KEY_MISSING", `Check texts: ${quote(key)} is ${where}`, {
      ...place,
      severity: isLost ? "error" : "warning",
    });
  }

  #names(): readonly string[] {
    return [...ROOTS, ...this.#flow.nodes.keys()];
  }

  #checkParameter(path: Path, place: ReferencePlace): void {
    if (path.length === 1 || follow(this.#flow.parameters, path, 1) !== undefined) return;
    const hint = didYouMean(path[1] ?? "", Object.keys(this.#flow.parameters));
    this.#say(path, { ...place, problem: `the flow has no parameter ${quote(formatPath(path.slice(1)))}${hint}` });
  }

  #checkNode(id: string, from: { readonly path: Path; readonly place: ReferencePlace; readonly whole: Path }): void {
    const { path, place, whole } = from;
    if (!this.#flow.nodes.has(id)) {
      this.#say(whole, { ...place, problem: `no node ${quote(id)}${didYouMean(id, this.#flow.nodes.keys())}` });
      return;
    }
    const verdict = checkPath(this.#outputOf(id), path[0] === "data" ? [] : path);
    if (verdict.kind === "possible") return;
    this.#say(whole, {
      ...place,
      severity: verdict.kind === "impossible" ? "error" : "warning",
      problem: `node ${quote(id)} gives no ${quote(verdict.step)}${didYouMean(verdict.step, verdict.known)}`,
    });
  }

  #say(
    path: Path,
    from: ReferencePlace & { readonly problem: string; readonly severity?: FlowFinding["severity"] },
  ): void {
    this.#findings.add("FLOW_PATH_UNKNOWN", `Check path ${quote(formatPath(path))}: ${from.problem}`, {
      at: from.at,
      node: from.node,
      severity: from.severity ?? "error",
    });
  }
}
