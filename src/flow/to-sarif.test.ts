import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { ERROR_CODES } from "../types/index.ts";
import type { ErrorCode, JsonObject } from "../types/index.ts";
import { doctorFlow } from "./doctor-flow.ts";
import type { FlowFinding } from "./finding.ts";
import { findingsToSarif } from "./to-sarif.ts";
import { verifies } from "../../test/verifies.ts";

/** OASIS's `sarif-schema-2.1.0.json`; no package carries it. */
const SCHEMA = process.env["GREENTIC_SARIF_SCHEMA"];
const TOOL = { name: "gtc", version: "1.0.0" };

const at = { file: "my flows/é.ygtc", line: 3, column: 5 };
const BROKEN = "id: a\ntype: messaging\nschema_version: 2\nstart: x\nnodes:\n  b:\n    nothing: {}\n    routing: out\n";
const LOGS: readonly (readonly [string, readonly FlowFinding[]])[] = [
  ["no finding", []],
  [
    "findings of every severity, with and without a node, in files of every kind of name",
    [
      { code: "FLOW_ROUTE_DEAD", severity: "warning", message: 'of "a" {0} [b](c)', at, node: "a" },
      { code: "FLOW_CARD_INVALID", severity: "error", message: "n", at: { ...at, file: "/abs/x#y?z" } },
      { code: "FLOW_ROUTE_DEAD", severity: "info", message: "o", at: { ...at, file: "a\\b.ygtc", line: 1, column: 1 } },
    ],
  ],
  ["what doctor says of a flow", doctorFlow(BROKEN, { catalog: new Map(), components: new Set() })],
  [
    "every code that there is",
    (Object.keys(ERROR_CODES) as ErrorCode[]).map((code) => ({ code, severity: "error", message: code, at })),
  ],
];

interface SarifLog {
  readonly version: string;
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { id: string; help: { text: string } }[] } };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string };
          readonly region: { readonly startLine: number; readonly startColumn: number };
        };
      }[];
    }[];
  }[];
}

describe("findingsToSarif() makes a log that is whole by itself", () => {
  test.each(LOGS)("of %s", (_what, findings) => {
    verifies("flow.doctor.sarif");
    const { version, runs } = findingsToSarif(findings, TOOL) as unknown as SarifLog;
    expect([version, runs.length]).toEqual(["2.1.0", 1]);
    const { tool, results } = runs[0] ?? { tool: { driver: { rules: [] } }, results: [] };
    const { rules } = tool.driver;
    expect(rules.map(({ id }) => id)).toEqual([...new Set(findings.map(({ code }) => code))].sort());
    for (const { help } of rules) expect(help.text).not.toBe("");
    expect(results).toHaveLength(findings.length);
    for (const [i, { ruleId, ruleIndex, level, message, locations }] of results.entries()) {
      expect(rules[ruleIndex]?.id).toBe(ruleId);
      expect(["error", "warning", "note"]).toContain(level);
      expect(message.text).toBe(findings[i]?.message);
      const { artifactLocation, region } = locations[0]?.physicalLocation ?? {};
      expect(artifactLocation?.uri).toMatch(/^(?:file:\/\/\/)?[\w.~!$&'()*+,;=:@%/-]+$/);
      expect(URL.canParse(artifactLocation?.uri ?? "", "file:///")).toBe(true);
      expect(region).toEqual({ startLine: findings[i]?.at.line, startColumn: findings[i]?.at.column });
    }
  });
});

describe.skipIf(SCHEMA === undefined)(
  "and valid by the official schema in GREENTIC_SARIF_SCHEMA (else skipped)",
  () => {
    test.each(LOGS)("of %s", (_what, findings) => {
      // Its draft names the schema by `id`, which this validator knows by another word.
      const { $schema: _draft, id: _id, ...schema } = JSON.parse(readFileSync(SCHEMA ?? "", "utf8")) as JsonObject;
      const formats = { uri: /^[a-z][a-z0-9+.-]*:\S*$/, "uri-reference": /^[^\s\\]*$/, "date-time": true as const };
      const validate = new Ajv({ strict: false, allErrors: true, formats }).compile(schema);
      expect(validate(findingsToSarif(findings, TOOL)) || validate.errors).toBe(true);
    });
  },
);
