import { Ajv2020 } from "ajv/dist/2020.js";
import type { JsonValue } from "../../types/index.ts";
import { isGreenticError, isJsonObject, quote } from "../../types/index.ts";
import { capabilityOf, checkImports, isHostInterface } from "../capabilities/declarations.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentDescription, ComponentInfo } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { buildComponent } from "./build-component.ts";
import type { ComponentSource } from "./component-source.ts";
import { findToolchains } from "./toolchains.ts";

/** One thing that doctor looked at. */
export interface ComponentCheck {
  readonly id: "admission" | "family" | "imports" | "describe" | "schemas" | "i18n" | "size" | "hash" | "toolchain";
  readonly status: "ok" | "warning" | "error" | "skipped";
  readonly message: string;
}

/** What doctor found; `ok` where nothing is an error. */
export interface ComponentDiagnosis {
  readonly ok: boolean;
  readonly checks: readonly ComponentCheck[];
}

/** What a component from the template may weigh. */
const GOOD_SIZE_BYTES = 1_200_000;

/** Checks a component as a host would take it, and its source's tools where there is a source. The component runs only to describe itself, with nothing granted. */
export async function doctorComponent(
  bytes: Uint8Array,
  { source, directory }: { readonly source?: ComponentSource; readonly directory: string },
): Promise<ComponentDiagnosis> {
  const checks: ComponentCheck[] = [];
  await using host = new InProcessComponentHost();
  const info = await admission(host, bytes, checks);
  if (info !== undefined) {
    checks.push(familyOf(info), importsOf(info), sizeOf(info));
    const description = await described(host, info, checks);
    if (description !== undefined) checks.push(...schemasOf(description), i18nOf(description));
    checks.push(await hashOf(info, source));
  }
  checks.push(await toolsOf(source, directory));
  return { ok: checks.every(({ status }) => status !== "error"), checks };
}

async function admission(
  host: InProcessComponentHost,
  bytes: Uint8Array,
  checks: ComponentCheck[],
): Promise<ComponentInfo | undefined> {
  try {
    const info = await host.examine(bytes);
    checks.push({
      id: "admission",
      status: "ok",
      message: "within the limits, no refused opcode, no asynchronous ABI",
    });
    return info;
  } catch (error) {
    checks.push({ id: "admission", status: "error", message: wordsOf(error) });
    return undefined;
  }
}

function familyOf({ abi, exports }: ComponentInfo): ComponentCheck {
  if (abi !== "none") return { id: "family", status: "ok", message: abi };
  const message = `exports no interface that flows can call: ${exports.map(quote).join(", ") || "none at all"}`;
  return { id: "family", status: "error", message };
}

function importsOf({ imports }: ComponentInfo): ComponentCheck {
  const unknown = imports.filter((name) => !isHostInterface(name));
  if (unknown.length > 0) {
    const message = `the host has no ${unknown.map(quote).join(", ")}: exactly one other component of the pack must export it`;
    return { id: "imports", status: "warning", message };
  }
  const grants = new Set(imports.filter(needsGrant).flatMap((name) => capabilityOf(name) ?? []));
  const message = grants.size === 0 ? "needs no grant" : `needs the pack to grant ${[...grants].join(", ")}`;
  return { id: "imports", status: "ok", message };
}

function needsGrant(name: string): boolean {
  try {
    checkImports([name], NO_GRANTS);
    return false;
  } catch {
    return true;
  }
}

function sizeOf({ sizeBytes }: ComponentInfo): ComponentCheck {
  const isGood = sizeBytes <= GOOD_SIZE_BYTES;
  const message = `${sizeBytes} bytes${isGood ? "" : `, more than ${GOOD_SIZE_BYTES}`}`;
  return { id: "size", status: isGood ? "ok" : "warning", message };
}

async function described(
  host: InProcessComponentHost,
  { sha256 }: ComponentInfo,
  checks: ComponentCheck[],
): Promise<ComponentDescription | undefined> {
  try {
    const description = await host.describe(sha256);
    const names = description.operations.map(({ name }) => name).join(", ");
    checks.push({
      id: "describe",
      status: "ok",
      message: names === "" ? "describes no operation" : `operations ${names}`,
    });
    return description;
  } catch (error) {
    const isFixed = isGreenticError(error) && error.code === "COMPONENT_ABI_UNSUPPORTED";
    checks.push({ id: "describe", status: isFixed ? "skipped" : "error", message: wordsOf(error) });
    return undefined;
  }
}

function schemasOf({ operations, configSchema }: ComponentDescription): readonly ComponentCheck[] {
  const schemas: readonly (readonly [string, JsonValue | undefined])[] = [
    ...operations.flatMap(({ name, inputSchema, outputSchema }) => [
      [`input of ${name}`, inputSchema] as const,
      [`output of ${name}`, outputSchema] as const,
    ]),
    ["config", configSchema],
  ];
  const given = schemas.filter(([, schema]) => schema !== undefined);
  if (given.length === 0) return [{ id: "schemas", status: "warning", message: "no operation has a schema" }];
  const wrong = given.flatMap(([name, schema]) => {
    try {
      new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object | boolean);
      return [];
    } catch (error) {
      return [`${name}: ${wordsOf(error)}`];
    }
  });
  if (wrong.length === 0) return [{ id: "schemas", status: "ok", message: `${given.length} valid JSON Schemas` }];
  return [{ id: "schemas", status: "error", message: wrong.join("; ") }];
}

function i18nOf({ setup, i18nKeys }: ComponentDescription): ComponentCheck {
  const known = new Set(i18nKeys);
  const missing = [...keysIn(setup ?? null)].filter((key) => !known.has(key));
  const isEmpty = known.size === 0;
  if (missing.length === 0) return { id: "i18n", status: "ok", message: isEmpty ? "no texts" : `${known.size} keys` };
  return {
    id: "i18n",
    status: "warning",
    message: `setup uses keys that i18n-keys doesn't list: ${missing.map(quote).join(", ")}`,
  };
}

/** The `key` of every text in a setup's questions: `{ key, … }` with nothing but texts in it. */
function* keysIn(value: JsonValue): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* keysIn(item as JsonValue);
  if (!isJsonObject(value)) return;
  const { questions, title, description } = value;
  for (const part of [title, description]) if (isJsonObject(part) && typeof part["key"] === "string") yield part["key"];
  for (const question of Array.isArray(questions) ? (questions as readonly JsonValue[]) : []) {
    if (!isJsonObject(question)) continue;
    for (const part of [question["label"], question["help"], question["error"]])
      if (isJsonObject(part) && typeof part["key"] === "string") yield part["key"];
  }
}

async function hashOf({ sha256 }: ComponentInfo, source: ComponentSource | undefined): Promise<ComponentCheck> {
  const hash = `sha256:${sha256}`;
  if (source === undefined) return { id: "hash", status: "ok", message: hash };
  if (source.language === "typescript")
    return {
      id: "hash",
      status: "skipped",
      message: `${hash}; builds of TypeScript differ, since the builder seeds its tables by chance`,
    };
  try {
    const again = await buildComponent(source.directory);
    if (again.sha256 === sha256)
      return { id: "hash", status: "ok", message: `${hash}, the same when it is built again` };
    return { id: "hash", status: "warning", message: `${hash}, but built again sha256:${again.sha256}` };
  } catch (error) {
    return { id: "hash", status: "error", message: wordsOf(error) };
  }
}

async function toolsOf(source: ComponentSource | undefined, directory: string): Promise<ComponentCheck> {
  const tools = await findToolchains(directory);
  const absent = tools.filter(({ isPresent }) => !isPresent);
  const isNeeded = absent.some(({ languages }) => source !== undefined && languages.includes(source.language));
  const present = tools.filter(({ isPresent }) => isPresent).map(({ name }) => name);
  const message = [
    `here: ${present.join(", ") || "none"}`,
    ...absent.map(({ name, install }) => `${name} is absent (${install})`),
  ].join("; ");
  return { id: "toolchain", status: isNeeded ? "error" : absent.length > 0 ? "skipped" : "ok", message };
}

function wordsOf(error: unknown): string {
  if (isGreenticError(error)) return `${error.code}: ${error.message}`;
  return quote(error instanceof Error ? error.message : String(error));
}
