import { isJsonObject, isGreenticError, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { parseFlow } from "../flow/index.ts";
import type { FlowIr, NodeIr } from "../flow/index.ts";
import type { PackDescription } from "./manifest.ts";
import type { PackFinding, PackReport } from "./report.ts";
import { TRUST_NOBODY } from "./trust.ts";
import { examinePack } from "./verify-pack.ts";

/**
 * Checks a pack's structure, whoever signed it: archive, manifest and hashes, that every flow parses, and that the components,
 * flows, assets and secrets that are named are there. Never throws for a bad pack.
 */
export async function validatePack(bytes: Uint8Array): Promise<PackReport> {
  const { report, content } = await examinePack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: 0 });
  if (content === undefined) return report;
  const { manifest, archive } = content;
  const flows = new Map<string, FlowIr>();
  // Whether it is signed and by whom is not a question of structure.
  const findings = report.findings.filter(
    (finding) => finding.code !== "PACK_UNSIGNED" && finding.code !== "PACK_SIGNATURE_UNTRUSTED",
  );
  for (const [name, { path }] of manifest.flows) {
    const source = new TextDecoder().decode(archive.contents.get(path)?.bytes);
    try {
      flows.set(name, parseFlow(source, { file: path }));
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      findings.push({ code: error.code, severity: "error", path, message: error.message });
    }
  }
  findings.push(...checkReferences(manifest, flows), ...checkSecrets(manifest));
  return { ...report, ok: findings.every((finding) => finding.severity !== "error"), findings };
}

function checkReferences(manifest: PackDescription, flows: ReadonlyMap<string, FlowIr>): readonly PackFinding[] {
  const known: Readonly<Record<ReferenceKind, (name: string) => boolean>> = {
    component: (name) => manifest.components.has(name),
    flow: (name) => manifest.flows.has(name) || [...flows.values()].some((flow) => flow.id === name),
    asset: (path) => manifest.assets.has(path) || manifest.assets.has(`assets/${path}`),
  };
  const findings: PackFinding[] = [];
  for (const [name, flow] of flows) {
    for (const node of flow.nodes.values()) {
      for (const { kind, name: target } of referencesOf(node)) {
        if (known[kind](target)) continue;
        const path = manifest.flows.get(name)?.path ?? "";
        const message = `Validate flow ${quote(path)}: node ${quote(node.id)} names ${kind} ${quote(target)}, which the pack doesn't hold`;
        findings.push({ code: "PACK_REFERENCE_MISSING", severity: "error", path, message });
      }
    }
  }
  return findings;
}

type ReferenceKind = "component" | "flow" | "asset";

/** Finds what a node names outright; what a template computes is known at run time only. */
function referencesOf(node: NodeIr): readonly { readonly kind: ReferenceKind; readonly name: string }[] {
  if (!isJsonObject(node.input)) return [];
  const found: { readonly kind: ReferenceKind; readonly name: string }[] = [];
  const add = (kind: ReferenceKind, value: JsonValue | undefined): void => {
    if (typeof value === "string" && value !== "" && !value.includes("{{")) found.push({ kind, name: value });
  };
  if (node.kind === "component.exec") add("component", node.input.component);
  if (node.kind === "flow.call" || node.kind === "flow.goto") add("flow", node.input.flow);
  if (node.kind === "template.render" || node.kind === "message.send") {
    add("asset", node.input.asset);
    if (isJsonObject(node.input.card)) add("asset", node.input.card.asset);
  }
  return found;
}

/** A component can only be given secrets that the pack declares: whoever installs it reads them there. */
function checkSecrets(manifest: PackDescription): readonly PackFinding[] {
  const declared = new Set([...manifest.secrets.required, ...manifest.secrets.optional]);
  return [...manifest.components].flatMap(([name, { path, grants }]) =>
    [...new Set([...grants.secrets, ...grants.secretsWrite])]
      .filter((secret) => !declared.has(secret))
      .map((secret): PackFinding => {
        const message = `Validate component ${quote(name)}: asks for secret ${quote(secret)}, which [secrets] doesn't declare`;
        return { code: "PACK_REFERENCE_MISSING", severity: "warning", path, message };
      }),
  );
}
