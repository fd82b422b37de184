import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import type { FlowIr, Interrupt, NodeIr, ScheduleIr } from "./ir.ts";
import { escapePointer } from "./json-template.ts";
import type { Offer } from "./offer.ts";
import { readNode } from "./read-node.ts";
import { readOffer } from "./read-offer.ts";
import { readSchedules } from "./read-schedule.ts";
import type { YamlSource } from "./read-yaml.ts";

const KEYS = [
  "id",
  "type",
  "title",
  "description",
  "tags",
  "start",
  "entrypoints",
  "parameters",
  "interrupt",
  "on_failure",
  "schedule",
  "cron",
  "offer",
  "nodes",
  "slot_schema",
  "schema_version",
  "meta",
];
const LEGACY_KEYS = ["kind", "entry"];
/** How many unknown keys are worth saying. */
const MAX_UNKNOWN_KEYS = 20;
const FLOW_ID = /^[^\s\p{Cc}]{1,128}$/u;
const NODE_ID = /^[A-Za-z_][\w-]{0,127}$/;
const LEGACY_NODE_ID = /^[^\s\p{Cc}]{1,128}$/u;

/** Where findings go and how the file is called. */
export interface ReadTo {
  readonly file: string;
  readonly findings: Findings;
}

/** A flow, and the ids of the nodes that are in the file and couldn't be read. */
export interface ReadFlow {
  readonly flow: FlowIr;
  readonly unread: ReadonlySet<string>;
}

/** Reads a document as a flow, in any of its spellings; undefined when there is no map of nodes to go on with. */
export function readFlow(source: YamlSource, to: ReadTo): ReadFlow | undefined {
  const start: SourcePosition = source.values.get("") ?? { file: to.file, line: 1, column: 1 };
  const { value } = source;
  if (!isJsonObject(value)) {
    to.findings.add("FLOW_SHAPE_INVALID", "Read flow: expected a map with id, type and nodes", { at: start });
    return undefined;
  }
  const reader = new FlowReader(value, { source, to, start });
  const flow = reader.read();
  return flow === undefined ? undefined : { flow, unread: reader.unread };
}

interface ReaderContext {
  readonly source: YamlSource;
  readonly to: ReadTo;
  readonly start: SourcePosition;
}

class FlowReader {
  readonly unread = new Set<string>();
  readonly #flow: JsonObject;
  readonly #context: ReaderContext;
  readonly #isLegacy: boolean;
  readonly #schemaVersion: 1 | 2;
  /** Prefixes of the file's pointers → those of the canonical spelling. */
  readonly #renames = new Map<string, string>();

  constructor(flow: JsonObject, context: ReaderContext) {
    this.#flow = flow;
    this.#context = context;
    this.#isLegacy = flow["type"] === undefined && (flow["kind"] !== undefined || flow["entry"] !== undefined);
    this.#schemaVersion = this.#isLegacy || flow["schema_version"] === 1 ? 1 : 2;
  }

  read(): FlowIr | undefined {
    const flow = this.#flow;
    const isStrict = this.#schemaVersion === 2;
    this.#checkKeys(isStrict);
    const id = this.#text("id", { isRequired: true, pattern: FLOW_ID }) ?? "";
    const type =
      this.#text(this.#isLegacy ? "kind" : "type", { isRequired: isStrict, pattern: FLOW_ID }) ?? "messaging";
    const nodes = this.#nodes(isStrict);
    if (nodes === undefined) return undefined;
    const entrypoints = this.#entrypoints();
    const start =
      this.#text(this.#isLegacy && flow["start"] === undefined ? "entry" : "start", {}) ??
      entrypoints.get("default") ??
      (nodes.has("in") ? "in" : nodes.keys().next().value);
    if (start !== undefined && !entrypoints.has("default")) entrypoints.set("default", start);
    const title = this.#text("title", {});
    const description = this.#text("description", {});
    const onFailure = this.#text("on_failure", {});
    const offer = this.#offer();
    const schedules = this.#schedules();
    return {
      id,
      type,
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      tags: this.#tags(),
      start,
      entrypoints,
      parameters: this.#map("parameters"),
      interrupt: this.#interrupt(),
      ...(onFailure === undefined ? {} : { onFailure }),
      ...(schedules.length === 0 ? {} : { schedules }),
      ...(offer === undefined ? {} : { offer }),
      nodes,
      slotSchema: this.#slotSchema(),
      schemaVersion: this.#schemaVersion,
      file: this.#context.to.file,
      meta: this.#map("meta"),
      at: this.#context.start,
      positions: this.#positions(),
    };
  }

  #at(pointer: string): SourcePosition {
    const { values } = this.#context.source;
    for (let p = pointer; p !== ""; p = p.slice(0, p.lastIndexOf("/"))) {
      const at = values.get(p);
      if (at !== undefined) return at;
    }
    return this.#context.start;
  }

  #keyAt(pointer: string): SourcePosition {
    return this.#context.source.keys.get(pointer) ?? this.#at(pointer);
  }

  #refuse(problem: string, pointer: string): undefined {
    this.#context.to.findings.add("FLOW_SHAPE_INVALID", `Read flow: ${problem}`, { at: this.#at(pointer) });
    return undefined;
  }

  #checkKeys(isStrict: boolean): void {
    const known = this.#isLegacy ? [...KEYS, ...LEGACY_KEYS] : KEYS;
    for (const key of Object.keys(this.#flow)
      // `x-…` is where generators leave notes of their own.
      .filter((key) => !known.includes(key) && !key.startsWith("x-"))
      .slice(0, MAX_UNKNOWN_KEYS)) {
      this.#context.to.findings.add(
        "FLOW_KEY_UNKNOWN",
        `Read flow: unknown key ${quote(key)}${didYouMean(key, known)}`,
        {
          at: this.#keyAt(`/${escapePointer(key)}`),
          severity: isStrict ? "error" : "warning",
        },
      );
    }
    const version = this.#flow["schema_version"];
    if (version !== undefined && version !== 1 && version !== 2 && !this.#isLegacy) {
      this.#refuse(`expected schema_version 1 or 2, got ${quote(JSON.stringify(version))}`, "/schema_version");
    }
  }

  #text(key: string, rules: { readonly isRequired?: boolean; readonly pattern?: RegExp }): string | undefined {
    const value = this.#flow[key];
    if (value === undefined || value === null) {
      return rules.isRequired === true ? this.#refuse(`expected ${quote(key)}, got none`, "") : undefined;
    }
    if (typeof value !== "string") return this.#refuse(`expected ${quote(key)} to be text`, `/${key}`);
    if (rules.pattern?.test(value) === false) {
      return this.#refuse(
        `expected ${quote(key)} to be 1 to 128 characters without spaces, got ${quote(value)}`,
        `/${key}`,
      );
    }
    return value;
  }

  #map(key: string): JsonObject {
    const value = this.#flow[key];
    if (value === undefined || value === null) return {};
    return isJsonObject(value) ? value : (this.#refuse(`expected ${quote(key)} to be a map`, `/${key}`) ?? {});
  }

  #tags(): readonly string[] {
    const tags = this.#flow["tags"];
    if (tags === undefined || tags === null) return [];
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return tags;
    return this.#refuse("expected tags to be a list of texts", "/tags") ?? [];
  }

  #slotSchema(): readonly JsonValue[] {
    const slots = this.#flow["slot_schema"];
    if (slots === undefined || slots === null) return [];
    if (Array.isArray(slots)) return slots as readonly JsonValue[];
    return this.#refuse("expected slot_schema to be a list", "/slot_schema") ?? [];
  }

  #interrupt(): Interrupt {
    const { interrupt } = this.#flow;
    if (interrupt === undefined) return "restart";
    if (interrupt === "restart" || interrupt === "ignore" || interrupt === "keep") return interrupt;
    return this.#refuse("expected interrupt to be restart, ignore or keep", "/interrupt") ?? "restart";
  }

  #offer(): Offer | undefined {
    const { offer } = this.#flow;
    if (offer === undefined || offer === null) return undefined;
    return readOffer(offer, (problem, pointer) => this.#refuse(problem, `/offer${pointer}`));
  }

  #schedules(): readonly ScheduleIr[] {
    const { schedule, cron } = this.#flow;
    return readSchedules(
      { schedule, cron },
      { refuse: (problem, pointer) => this.#refuse(problem, pointer), locate: (pointer) => this.#at(pointer) },
    );
  }

  #entrypoints(): Map<string, string> {
    const found = new Map<string, string>();
    for (const [name, node] of Object.entries(this.#map("entrypoints"))) {
      if (typeof node === "string") found.set(name, node);
      else this.#refuse(`expected entrypoint ${quote(name)} to be a node id`, `/entrypoints/${escapePointer(name)}`);
    }
    return found;
  }

  #nodes(isStrict: boolean): Map<string, NodeIr> | undefined {
    const { nodes } = this.#flow;
    const found = new Map<string, NodeIr>();
    // An empty list is how one generation wrote an empty flow.
    if (Array.isArray(nodes) && nodes.length === 0 && !isStrict) return found;
    if (!isJsonObject(nodes))
      return this.#refuse("expected nodes to be a map of node id → node", nodes === undefined ? "" : "/nodes");
    for (const [id, value] of Object.entries(nodes)) {
      const base = `/nodes/${escapePointer(id)}`;
      if (!(isStrict ? NODE_ID : LEGACY_NODE_ID).test(id)) {
        this.#context.to.findings.add("FLOW_ID_INVALID", `Read flow: not a node id, got ${quote(id)}`, {
          at: this.#keyAt(base),
        });
        this.unread.add(id);
        continue;
      }
      const read = readNode(value, {
        id,
        isStrict,
        findings: this.#context.to.findings,
        locate: (pointer) => this.#at(base + pointer),
        locateKey: (pointer) => this.#keyAt(base + pointer),
      });
      if (read === undefined) {
        this.unread.add(id);
        continue;
      }
      found.set(id, read.node);
      if (read.inputKey !== undefined) this.#renames.set(`${base}/${escapePointer(read.inputKey)}`, `${base}/input`);
      this.#renames.set(`${base}/${read.routingKey}`, `${base}/routing`);
    }
    return found;
  }

  #positions(): ReadonlyMap<string, SourcePosition> {
    const positions = new Map<string, SourcePosition>();
    for (const [pointer, at] of this.#context.source.values) {
      const cut = nthSlash(pointer, 4);
      const renamed = this.#renames.get(pointer.slice(0, cut));
      positions.set(renamed === undefined ? pointer : renamed + pointer.slice(cut), at);
    }
    return positions;
  }
}

/** The index of the n-th slash, or the length where there are fewer. */
function nthSlash(text: string, n: number): number {
  let at = -1;
  for (let i = 0; i < n; i++) {
    at = text.indexOf("/", at + 1);
    if (at < 0) return text.length;
  }
  return at;
}
