import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { inspectFlow, readBindings, sidecarOf } from "../flow/index.ts";
import type { AssetCheck, FlowFinding } from "../flow/index.ts";
import { isGreenticError, quote } from "../types/index.ts";

/**
 * Checks the sidecars of flow files: that they bind steps that are there, and that files beside the flow are there and, by their
 * digests, still what was bound.
 */
export async function checkSidecars(cwd: string, flowFiles: readonly string[]): Promise<readonly AssetCheck[]> {
  const checks = await Promise.all(flowFiles.map((file) => checkSidecar(cwd, resolve(cwd, file))));
  return checks.filter((check) => check.findings.length > 0);
}

async function checkSidecar(cwd: string, flowFile: string): Promise<AssetCheck> {
  const path = sidecarOf(flowFile);
  const file = relative(cwd, path);
  const findings: FlowFinding[] = [];
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return { file, findings };
  const say = (severity: FlowFinding["severity"], problem: string): void =>
    void findings.push({
      code: "FLOW_SIDECAR_INVALID",
      severity,
      message: `Check sidecar: ${problem}`,
      at: { file, line: 1, column: 1 },
    });
  try {
    const { flow } = inspectFlow(await readFile(flowFile), { file: flowFile });
    for (const [node, { source, mode }] of readBindings(text)) {
      if (flow !== undefined && !flow.nodes.has(node))
        say("warning", `it binds ${quote(node)}, which the flow doesn't have`);
      if (source.kind !== "local") continue;
      const bytes = await readFile(resolve(dirname(flowFile), source.path)).catch(() => undefined);
      if (bytes === undefined) say("error", `the component of ${quote(node)} isn't at ${quote(source.path)}`);
      else if (
        source.digest !== undefined &&
        source.digest !== `sha256:${createHash("sha256").update(bytes).digest("hex")}`
      )
        say(
          mode === "pinned" ? "error" : "warning",
          `the component of ${quote(node)} isn't what was bound; bind it again`,
        );
    }
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    say("error", error.message);
  }
  return { file, findings };
}
