import type { JsonValue, Paced, SourcePosition } from "../types/index.ts";
import { didYouMean, Pace, quote, runWhole } from "../types/index.ts";
import { bodiesOf, checkBodies, checkSchedules } from "./check-bodies.ts";
import { checkCard, isAdaptiveCard } from "./check-card.ts";
import { checkComponentCall, componentOutput } from "./check-component.ts";
import type { ComponentFactsByName } from "./check-component.ts";
import { checkInput } from "./check-input.ts";
import { checkPackNames } from "./check-pack-names.ts";
import type { PackNames } from "./check-pack-names.ts";
import { ReferenceChecker } from "./check-references.ts";
import { checkReach, checkStructure } from "./check-structure.ts";
import { compileInput } from "./compile-flow.ts";
import { compileMaps, MAP_ROOTS } from "./compile-maps.ts";
import { compileGuards } from "./compile-routing.ts";
import type { ExpressionEnvironment } from "./expression.ts";
import { createExpressionEnvironment } from "./expression.ts";
import { Findings } from "./finding.ts";
import type { FlowFinding } from "./finding.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import { escapePointer } from "./json-template.ts";
import type { JsonTemplate } from "./json-template.ts";
import { resolveKind } from "./kind-spec.ts";
import type { KindCatalog, ResolvedKind } from "./kind-spec.ts";
import { inspectFlowPaced } from "./parse-flow.ts";
import type { FlowInspection } from "./parse-flow.ts";
import type { FlowScope } from "./scope.ts";
import { compileTemplate } from "./template.ts";
import type { I18nBundles } from "./translator.ts";

/** What `doctor` may know; what it isn't given it doesn't judge. */
export interface DoctorOptions extends PackNames {
  readonly catalog: KindCatalog;
  /** Names the file where a source is given. */
  readonly file?: string;
  readonly i18n?: I18nBundles;
  /** What the pack's components say of their operations. */
  readonly facts?: ComponentFactsByName;
}

/**
 * Examines a flow and says everything that can be said before it runs, in the order of the file: shape, kinds and their
 * inputs, the graph, templates, guards, paths, texts, and what the pack must hold.
 */
export function doctorFlow(flow: FlowIr | Uint8Array | string, options: DoctorOptions): readonly FlowFinding[] {
  return runWhole(doctorFlowPaced(flow, { ...options, pace: new Pace() })).findings;
}

/** Judging a node, and checking where it leads, take about so many microseconds. */
const STEPS_PER_NODE = 60;
const STEPS_PER_REACH = 6;

/** Examines as {@link doctorFlow}, in turns, and gives the flow back as far as it could be read. */
export function* doctorFlowPaced(
  flow: FlowIr | Uint8Array | string,
  options: DoctorOptions & { readonly pace: Pace },
): Paced<FlowInspection> {
  const { pace } = options;
  const findings = new Findings();
  const isSource = typeof flow === "string" || flow instanceof Uint8Array;
  const inspection = isSource
    ? yield* inspectFlowPaced(flow, { file: options.file ?? "flow.ygtc", pace })
    : { flow, findings: [] };
  findings.list.push(...inspection.findings);
  if (inspection.flow !== undefined) {
    if (pace.spend(inspection.flow.nodes.size * STEPS_PER_REACH)) yield;
    if (!isSource) checkStructure(inspection.flow, findings);
    yield* new FlowDoctor(inspection.flow, { options, findings }).examine(pace);
  }
  return {
    flow: inspection.flow,
    findings: findings.list.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column),
  };
}

/** What a guard sees that asks for nothing. */
const NO_SCOPE: FlowScope = {
  in: null,
  prev: null,
  nodes: {},
  state: {},
  vars: {},
  parameters: {},
  session: null,
  tenant: null,
  locale: "en",
  now: null,
  t: (key) => key,
  warn: () => undefined,
};
const ENGINE_STATUSES = ["error", "timeout", "cancelled"];
const ERROR_CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;
const EVENTS = [
  "error",
  "timeout",
  "timed_out",
  "cancel",
  "canceled",
  "cancelled",
  "expire",
  "expired",
  "ok",
  "success",
  "complete",
  "submit",
];

class FlowDoctor {
  readonly #flow: FlowIr;
  readonly #options: DoctorOptions;
  readonly #findings: Findings;
  readonly #references: ReferenceChecker;
  #environment: ExpressionEnvironment | undefined;

  constructor(flow: FlowIr, from: { readonly options: DoctorOptions; readonly findings: Findings }) {
    this.#flow = flow;
    this.#options = from.options;
    this.#findings = from.findings;
    this.#references = new ReferenceChecker(flow, {
      findings: from.findings,
      outputOf: (id) => {
        const node = flow.nodes.get(id);
        const kind = node === undefined ? undefined : resolveKind(node.kind, from.options.catalog);
        if (node === undefined || kind === undefined) return undefined;
        const { facts } = from.options;
        const described = facts === undefined ? undefined : componentOutput(node, { kind, facts });
        return described ?? (kind.kind === "builtin" ? kind.spec.output : undefined);
      },
    });
  }

  *examine(pace: Pace): Paced<void> {
    checkReach(this.#flow, this.#findings, (node) => bodiesOf(node, this.#options.catalog));
    checkSchedules(this.#flow, this.#findings);
    this.#checkFailureText();
    for (const node of this.#flow.nodes.values()) {
      if (pace.spend(STEPS_PER_NODE)) yield;
      const kind = resolveKind(node.kind, this.#options.catalog);
      this.#checkKind(node, kind);
      this.#checkValues(node, kind);
      this.#checkRoutes(node, kind);
      this.#checkCards(node.input, { node, pointer: "" });
      const { catalog } = this.#options;
      checkBodies(node, { flow: this.#flow, catalog, findings: this.#findings, locate: this.#locate(node) });
      const { facts } = this.#options;
      if (facts !== undefined)
        checkComponentCall(node, { kind, facts, findings: this.#findings, locate: this.#locate(node) });
      checkPackNames(node, { options: this.#options, findings: this.#findings, locate: this.#locate(node) });
    }
  }

  #locate(node: NodeIr): (pointer: string) => SourcePosition {
    return (pointer) => {
      for (let p = `/nodes/${node.id}/input${pointer}`; p.length > 6; p = p.slice(0, p.lastIndexOf("/"))) {
        const at = this.#flow.positions.get(p);
        if (at !== undefined) return at;
      }
      return node.at;
    };
  }

  #checkCards(value: JsonValue, from: { readonly node: NodeIr; readonly pointer: string }): void {
    if (typeof value !== "object" || value === null) return;
    const { node, pointer } = from;
    if (isAdaptiveCard(value)) {
      for (const { pointer: below, message, severity } of checkCard(value)) {
        const at = this.#locate(node)(pointer + below);
        this.#findings.add("FLOW_CARD_INVALID", `Check card: ${message}`, { at, node: node.id, severity });
      }
      return;
    }
    for (const [key, item] of Object.entries(value))
      this.#checkCards(item, { node, pointer: `${pointer}/${escapePointer(key)}` });
  }

  #checkFailureText(): void {
    if (this.#flow.onFailure === undefined) return;
    const at = this.#flow.positions.get("/on_failure") ?? this.#flow.at;
    try {
      for (const reference of compileTemplate(this.#flow.onFailure, at).references) {
        if (reference.kind === "path") this.#references.checkValuePath(reference.path, { at });
        else if (this.#options.i18n !== undefined)
          this.#references.checkText(reference.key, { at, bundles: this.#options.i18n });
      }
    } catch (error) {
      this.#findings.addThrown(error, { at });
    }
  }

  #checkKind(node: NodeIr, kind: ResolvedKind): void {
    const { catalog, components } = this.#options;
    if (kind.kind === "builtin") {
      for (const problem of checkInput(node.input, { schema: kind.spec.input, locate: this.#locate(node) })) {
        this.#findings.add("FLOW_NODE_INPUT_INVALID", `Check ${quote(node.kind)}: ${problem.message}`, {
          at: problem.at,
          node: node.id,
        });
      }
      return;
    }
    if (components?.has(kind.component) === true || components?.has(node.kind) === true) return;
    const hint = didYouMean(node.kind, [...catalog.keys(), ...(components ?? [])]);
    // Without the pack's components a dotted name may well be one's operation; version 1 nodes are named after components.
    const isLikelyComponent =
      components === undefined && hint === "" && (kind.operation !== undefined || this.#flow.schemaVersion === 1);
    if (isLikelyComponent) return;
    this.#findings.add(
      "FLOW_KIND_UNKNOWN",
      `Check node ${quote(node.id)}: no kind or component ${quote(node.kind)}${hint}`,
      {
        at: node.at,
        node: node.id,
        severity: components === undefined && kind.operation !== undefined ? "warning" : "error",
      },
    );
  }

  #checkValues(node: NodeIr, kind: ResolvedKind): void {
    const locate = this.#locate(node);
    try {
      const spec = kind.kind === "builtin" ? kind.spec : undefined;
      const onError = (error: unknown): void => this.#findings.addThrown(error, { at: node.at, node: node.id });
      const { values, templates } = compileInput(this.#flow, { node, spec, onError });
      for (const map of Object.values(compileMaps(this.#flow, { node, spec, onError })) as readonly JsonTemplate[]) {
        for (const { reference } of map.references) {
          // What a mapping sees of the call is the callee's business.
          if (reference.kind === "path" && !MAP_ROOTS.has(reference.path[0] ?? ""))
            this.#references.checkValuePath(reference.path, { at: node.at, node: node.id });
        }
      }
      // A template that its kind renders sees the kind's data first, so only its texts can be judged here.
      const own = [...templates].flatMap(([field, template]) =>
        template.references
          .filter(({ kind }) => kind === "i18n")
          .map((reference) => ({ reference, pointer: `/${escapePointer(field)}` })),
      );
      for (const { reference, pointer } of [...values.references, ...own]) {
        const place = { at: locate(pointer), node: node.id };
        if (reference.kind === "path") this.#references.checkValuePath(reference.path, place);
        else if (this.#options.i18n !== undefined)
          this.#references.checkText(reference.key, { ...place, bundles: this.#options.i18n });
      }
    } catch (error) {
      this.#findings.addThrown(error, { at: node.at, node: node.id });
    }
  }

  #checkRoutes(node: NodeIr, kind: ResolvedKind): void {
    const statuses = kind.kind === "builtin" ? kind.spec.statuses : "any";
    const known = statuses === "any" ? undefined : [...statuses, ...ENGINE_STATUSES];
    const options = {
      environment: () => (this.#environment ??= createExpressionEnvironment(this.#flow.nodes.keys())),
      locate: (pointer: string) => this.#flow.positions.get(pointer),
    };
    node.routing.forEach((route, index) => {
      const place = { at: route.at, node: node.id };
      if (route.status !== undefined)
        this.#checkStatus(route.status, { ...place, known, key: "status", kind: node.kind });
      if (route.on !== undefined) {
        this.#checkStatus(route.on.replace(/^on_/i, ""), {
          ...place,
          known: known && [...known, ...EVENTS],
          key: "on",
          kind: node.kind,
        });
      }
      for (const key of ["status", "on", "condition", "if"] as const) {
        const guard = route[key];
        if (guard === undefined) continue;
        try {
          const at = this.#flow.positions.get(`/nodes/${node.id}/routing/${index}/${key}`) ?? route.at;
          for (const { paths, holds } of compileGuards(
            { target: route.target, at: route.at, [key]: guard },
            { node, index, options },
          )) {
            if (key === "if" && paths.length === 0 && !/^\s*(?:true|false)\s*$/.test(guard)) {
              this.#findings.add(
                "FLOW_GUARD_CONSTANT",
                `Check routing: \`if\` asks for nothing, so it ${holds(NO_SCOPE, { kind: "ok", status: "ok", output: null }) ? "always" : "never"} holds`,
                { at, node: node.id, severity: "warning" },
              );
            }
            for (const path of paths)
              this.#references.checkGuardPath(path, { at, node: node.id, isSpread: key === "condition" });
          }
        } catch (error) {
          this.#findings.addThrown(error, place);
        }
      }
    });
  }

  #checkStatus(
    status: string,
    from: {
      readonly at: SourcePosition;
      readonly node: string;
      readonly known: readonly string[] | undefined;
      readonly key: string;
      readonly kind: string;
    },
  ): void {
    if (from.known === undefined || from.known.includes(status.trim().toLowerCase())) return;
    // The code of a failure is a status too.
    if (ERROR_CODE.test(status.trim())) return;
    this.#findings.add(
      "FLOW_ROUTE_STATUS_UNKNOWN",
      `Check routing: ${quote(from.kind)} never ends with ${from.key} ${quote(status)}${didYouMean(status, from.known)}`,
      { at: from.at, node: from.node },
    );
  }
}

/** Tells whether findings hold no error, so that the flow may be loaded. */
export function isHealthy(findings: readonly FlowFinding[]): boolean {
  return findings.every(({ severity }) => severity !== "error");
}
