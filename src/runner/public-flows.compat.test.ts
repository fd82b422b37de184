import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, openPublicPack } from "../../test/stand-ins/public-packs.ts";
import { compileFlow, doctorFlow, parseFlow } from "../flow/index.ts";
import type { FlowIr } from "../flow/index.ts";
import { isGreenticError } from "../types/index.ts";
import { KIND_CATALOG } from "./kinds/catalog.ts";

const dir = process.env["GREENTIC_COMPAT_DIR"];

interface Source {
  readonly name: string;
  readonly read: () => FlowIr;
}

/** Every flow below the directory: loose, in packs, and those that ask for the configuration of packs' components. */
async function sourcesIn(root: string): Promise<readonly Source[]> {
  const source = (name: string, bytes: Uint8Array): Source => ({ name, read: () => parseFlow(bytes, { file: name }) });
  const loose = filesBelow(root, [".ygtc"]).map((file) => source(relative(root, file), readFileSync(file)));
  const packed: Source[] = [];
  for (const file of filesBelow(root, [".gtpack"])) {
    const pack = await openPublicPack(file);
    const label = relative(root, file);
    for (const { path } of pack.flows.values())
      packed.push(source(`${label}!${path}`, pack.read(path) ?? new Uint8Array()));
    for (const { id, configFlows } of pack.extensions?.components ?? [])
      for (const [name, graph] of configFlows)
        packed.push(source(`${label}!${id}.${name}`, Buffer.from(JSON.stringify(graph))));
    expect(pack.report.findings.filter(({ code }) => code.startsWith("FLOW_"))).toEqual([]);
  }
  return [...loose, ...packed];
}

describe.skipIf(dir === undefined)("public flows (GREENTIC_COMPAT_DIR)", () => {
  test("are read and compiled, every one", async () => {
    const refused = new Map<string, string[]>();
    const findings = new Map<string, number>();
    const kinds = new Map<string, number>();
    let count = 0;
    for (const { name, read } of await sourcesIn(dir ?? "")) {
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
