import type { JsonObject, JsonValue } from "../../types/index.ts";
import { encodeCborJson, isJsonObject } from "../../types/index.ts";
import type { ValueType } from "../linker/component-types.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import type { ExportTable } from "./export-table.ts";
import { tryCall } from "./export-table.ts";
import type { FamilyAnswer, FamilyCall } from "./family.ts";
import { guestCbor } from "./guest-text.ts";
import { toWit } from "./wit-json.ts";

/** The setup and translation functions that components carry beside their work: `qa` and `component-i18n` of 0.6. */
export class QaFunctions {
  readonly operations: readonly string[];
  readonly #refs: Readonly<Record<string, ExportRef | undefined>>;

  /** `qa` and `i18n` name the interfaces up to where their versions differ. */
  constructor(exports: ExportTable, prefixes: { readonly qa: string; readonly i18n: string }) {
    this.#refs = {
      "qa-spec": exports.find(prefixes.qa, "qa-spec"),
      "apply-answers": exports.find(prefixes.qa, "apply-answers"),
      "i18n-keys": exports.find(prefixes.i18n, "i18n-keys"),
      "i18n-bundle": exports.find(prefixes.i18n, "i18n-bundle"),
    };
    this.operations = Object.keys(this.#refs).filter((name) => this.#refs[name] !== undefined);
  }

  /** Answers an operation that is one of these; undefined where it is none. */
  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer | undefined> {
    const ref = Object.hasOwn(this.#refs, call.operation) ? this.#refs[call.operation] : undefined;
    if (ref === undefined) return undefined;
    return { kind: "ok", output: outputOf(await instance.call(ref, argumentsOf(ref, call))) };
  }

  /** The questions of a setup, where the component has any. */
  async setup(instance: ComponentInstance): Promise<JsonValue | undefined> {
    const ref = this.#refs["qa-spec"];
    if (ref === undefined) return undefined;
    const mode = modeOf(ref.type.params[0]?.type, { mode: "setup" });
    const spec = await tryCall(instance, ref, [mode]);
    return spec instanceof Uint8Array ? outputOf(spec) : undefined;
  }

  async i18nKeys(instance: ComponentInstance): Promise<readonly string[]> {
    const keys = await tryCall(instance, this.#refs["i18n-keys"]);
    return Array.isArray(keys) ? (keys as readonly string[]) : [];
  }
}

function outputOf(answer: unknown): JsonValue {
  return answer instanceof Uint8Array ? guestCbor(answer) : (answer as JsonValue);
}

/** Input is `{ mode, answers, current_config }`, the answers beside the mode, `{ locale }`, or the one text that either is about. */
function argumentsOf(ref: ExportRef, { input, config, ctx }: FamilyCall): readonly unknown[] {
  const record: JsonObject = isJsonObject(input) ? input : {};
  const current = record["current_config"] ?? record["config"] ?? config ?? {};
  const { mode: _mode, current_config: _current, config: _config, answers: nested, ...flat } = record;
  const answers = nested ?? flat;
  const params = ref.type.params;
  return params.map(({ name, type }) => {
    switch (name) {
      case "mode":
        return modeOf(type, typeof input === "string" ? { mode: input } : record);
      case "locale":
        return [record["locale"], input].find((text) => typeof text === "string") ?? ctx.locale;
      case "current-config":
        return encodeCborJson(current);
      default:
        // 0.6.0 has a place for each. 0.6.1 has one for both: documents nest the answers, published providers read them flat.
        if (params.length > 2 || !isJsonObject(answers)) return encodeCborJson(answers);
        return encodeCborJson({ ...answers, answers, current_config: current });
    }
  });
}

/** The generations call the same mode upgrade and update. */
function modeOf(type: ValueType | undefined, { mode = "setup" }: JsonObject): unknown {
  if (type?.kind !== "enum") return mode;
  const synonyms: Readonly<Record<string, string>> = { update: "upgrade", upgrade: "update" };
  const other = typeof mode === "string" ? synonyms[mode] : undefined;
  const isKnown = typeof mode === "string" && type.names.includes(mode);
  return toWit(type, !isKnown && other !== undefined && type.names.includes(other) ? other : mode, "/mode");
}
