import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "./verifies.ts";

/** The direction of imports: a layer may import only from layers in lines above its own. This table is the documentation. */
const LAYERS: readonly (readonly string[])[] = [
  ["types"],
  ["files"],
  ["telemetry", "interfaces", "config", "secrets", "http"],
  ["state", "bus", "flow"],
  ["session", "policy"],
  ["blob"],
  ["pack", "oci", "component", "messaging", "oauth"],
  ["mcp", "llm"],
  ["runner"],
  ["gateway", "deployer"],
  ["admin"],
  ["conformance"],
  ["cli"],
];
/** Layers that compute and never touch the machine: no `node:` modules. */
const PURE = ["types", "flow"];

const SRC = resolve(import.meta.dirname, "../src");
const rank = new Map(LAYERS.flatMap((names, index) => names.map((name) => [name, index] as const)));
const layerOf = (file: string): string => relative(SRC, file).split("/")[0] ?? "";

function sources(dir = SRC): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

/** A process that a test beside it starts, and nothing else, is a part of that test. */
function isTestProcess(file: string): boolean {
  if (!file.endsWith(".child.ts")) return false;
  const dir = dirname(file);
  const naming = readdirSync(dir).filter(
    (name) => name.endsWith(".ts") && readFileSync(join(dir, name), "utf8").includes(basename(file)),
  );
  return naming.length > 0 && naming.every((name) => name.endsWith(".test.ts"));
}

function violations(file: string): string[] {
  const layer = layerOf(file);
  const text = readFileSync(file, "utf8");
  const found: string[] = [];
  const isTest = file.endsWith(".test.ts") || isTestProcess(file);
  const say = (problem: string): number => found.push(`${relative(SRC, file)}: ${problem}`);
  if (!rank.has(layer)) say(`layer "${layer}" is not in LAYERS`);
  for (const [, specifier = ""] of text.matchAll(
    /(?:^|\n)(?:import|export)\b[^;"'`]*?(?:\bfrom\s*|\bimport\s*)["']([^"']+)["']/g,
  )) {
    if (PURE.includes(layer) && specifier.startsWith("node:") && !isTest) say(`pure layer imports ${specifier}`);
    if (!specifier.startsWith(".")) continue;
    const target = resolve(dirname(file), specifier);
    if (!existsSync(target)) say(`missing ${specifier}`);
    if (!target.startsWith(SRC)) {
      if (!isTest) say(`imports ${specifier} from outside src`);
      continue;
    }
    const other = layerOf(target);
    if (other === layer) continue;
    if ((rank.get(other) ?? 99) >= (rank.get(layer) ?? -1)) say(`${layer} must not import ${other}`);
    if (target !== join(SRC, other, "index.ts")) say(`${specifier} reaches past the index of ${other}`);
  }
  if (!isTest && layer !== "config" && /\bprocess\.env\b/.test(text)) say("process.env outside config");
  if (!isTest && layer !== "cli" && /\bconsole\./.test(text)) say("console outside cli");
  return found;
}

test("imports go left only, through the index, and pure layers stay pure", () => {
  verifies("layers.direction");
  expect(sources().flatMap(violations)).toEqual([]);
});
