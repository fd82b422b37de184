import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { describe, expect, test } from "vitest";
import { embeddedFlows, filesBelow, readArchiveEntries } from "../../test/stand-ins/public-packs.ts";
import { compileFlow, doctorFlow, parseFlow, readCompiledFlow } from "../flow/index.ts";
import type { FlowIr } from "../flow/index.ts";
import { isGreenticError } from "../types/index.ts";
import { KIND_CATALOG } from "./kinds/catalog.ts";

const dir = process.env["GREENTIC_COMPAT_DIR"];

interface Source {
  readonly name: string;
  readonly read: () => FlowIr;
}

/** Every flow below the directory: loose, in archives as text, and compiled in their manifests. */
function sourcesIn(root: string): readonly Source[] {
  const text = (name: string, bytes: Uint8Array): Source => ({ name, read: () => parseFlow(bytes, { file: name }) });
  const loose = filesBelow(root, [".ygtc"]).map((file) => text(relative(root, file), readFileSync(file)));
  const packed = filesBelow(root, [".gtpack"]).flatMap((file) => {
    const entries = readArchiveEntries(file);
    const pack = relative(root, file);
    const manifest = entries.get("manifest.cbor");
    return [
      ...[...entries].flatMap(([path, bytes]) => (path.endsWith(".ygtc") ? [text(`${pack}!${path}`, bytes)] : [])),
      ...(manifest === undefined ? [] : embeddedFlows(manifest)).map(({ name, kind, flow }): Source => {
        const label = `${pack}!${kind}:${name}`;
        return kind === "compiled"
          ? { name: label, read: () => readCompiledFlow(flow, { file: label }) }
          : text(label, Buffer.from(JSON.stringify(flow)));
      }),
    ];
  });
  return [...loose, ...packed];
}

describe.skipIf(dir === undefined)("public flows (GREENTIC_COMPAT_DIR)", () => {
  test("are read and compiled, every one", () => {
    const refused = new Map<string, string[]>();
    const findings = new Map<string, number>();
    const kinds = new Map<string, number>();
    let count = 0;
    for (const { name, read } of sourcesIn(dir ?? "")) {
      count++;
      try {
        const flow = read();
        const compiled = compileFlow(flow, { catalog: KIND_CATALOG });
        expect([...compiled.nodes.keys()]).toEqual([...flow.nodes.keys()]);
        for (const { kind, operation } of flow.nodes.values()) {
          const label = operation === undefined ? kind : `${kind} ${operation}`;
          kinds.set(label, (kinds.get(label) ?? 0) + 1);
        }
        for (const { code, severity } of doctorFlow(flow, { catalog: KIND_CATALOG }))
          findings.set(`${severity} ${code}`, (findings.get(`${severity} ${code}`) ?? 0) + 1);
      } catch (error) {
        const reason = isGreenticError(error) ? `${error.code}: ${error.message}` : String(error);
        refused.set(reason, [...(refused.get(reason) ?? []), name]);
      }
    }
    const lines = [
      `public flows: ${count} read, ${[...refused.values()].flat().length} refused`,
      ...[...refused].map(([reason, names]) => `  refused ${names.length}: ${reason} (${names[0] ?? ""})`),
      ...[...kinds].sort((a, b) => b[1] - a[1]).map(([kind, times]) => `  ${times} nodes ${kind}`),
      ...[...findings].map(([finding, times]) => `  ${times} findings ${finding}`),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
    expect(count).toBeGreaterThan(0);
    expect(Object.fromEntries(refused)).toEqual({});
  });
});
