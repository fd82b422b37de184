// SARIF 2.1.0 (OASIS), one run: what code hosts and editors read findings from.
import { ERROR_CODES } from "../types/index.ts";
import type { ErrorCode, JsonObject } from "../types/index.ts";
import type { FlowFinding } from "./finding.ts";

const LEVELS = { error: "error", warning: "warning", info: "note" } as const;

/** Makes the SARIF log of findings; each rule is a code, with what to do as its help. */
export function findingsToSarif(
  findings: readonly FlowFinding[],
  tool: { readonly name: string; readonly version: string },
): JsonObject {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  return {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: tool.name, version: tool.version, rules: codes.map(ruleOf) } },
        columnKind: "utf16CodeUnits",
        results: findings.map(({ code, severity, message, at, node }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: LEVELS[severity],
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(at.file) },
                region: { startLine: at.line, startColumn: at.column },
              },
              ...(node === undefined ? {} : { logicalLocations: [{ name: node, kind: "member" }] }),
            },
          ],
        })),
      },
    ],
  };
}

function ruleOf(code: ErrorCode): JsonObject {
  const { help } = ERROR_CODES[code];
  return { id: code, shortDescription: { text: code }, help: { text: help } };
}

/** A relative path as a URI reference, an absolute one as a file URI. */
function uriOf(path: string): string {
  const encoded = path.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  return encoded.startsWith("/") ? `file://${encoded}` : encoded;
}
