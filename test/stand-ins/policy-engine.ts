/** Engines made of greentic.toml's own text, as an operator writes it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/index.ts";
import type { BundlePolicy, Config } from "../../src/config/index.ts";
import { envId, tenantId } from "../../src/types/index.ts";
import type { PolicyBackend, PolicyEngine, PolicyQuestion } from "../../src/policy/index.ts";
import { createPolicyEngine } from "../../src/policy/index.ts";

/** Reads a configuration of which nothing else counts. */
export function configOf(toml: string): Config {
  const dir = mkdtempSync(join(tmpdir(), "greentic-policy-"));
  try {
    writeFileSync(join(dir, "greentic.toml"), toml);
    return loadConfig({ cwd: dir, environment: {} });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Makes the engine of a configuration. */
export function engineOf(
  toml: string,
  beside: { readonly bundle?: BundlePolicy; readonly backend?: PolicyBackend } = {},
): PolicyEngine {
  const { policy, residency } = configOf(toml);
  return createPolicyEngine({ policy, residency, ...beside });
}

/** A question of tenant acme. */
export const ask = (question: Partial<PolicyQuestion> & Pick<PolicyQuestion, "point">): PolicyQuestion => ({
  env: envId("test"),
  tenant: tenantId("acme"),
  ...question,
});
