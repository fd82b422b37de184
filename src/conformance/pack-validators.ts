import { ProcessComponentHost, testComponent } from "../component/index.ts";
import type { ComponentHost } from "../component/index.ts";
import type { CheckedPack, Pack, PackFinding } from "../pack/index.ts";
import { isGreenticError, isJsonObject, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";

/** A component that judges packs. */
export interface Validator {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const TIMEOUT_MS = 10_000;
const MAX_DIAGNOSTICS = 1000;

/**
 * Makes the check that asks a pack's validators: those that were given, and those of the pack's own components that it names. They
 * run as any guest, in a process of their own, and reach nothing. Names that lead into a registry are told, never fetched.
 */
export function validatorCheck(
  pack: Pack | undefined,
  given: readonly Validator[],
): (checked: CheckedPack) => Promise<readonly PackFinding[]> {
  return async (checked) => {
    const findings: PackFinding[] = [];
    const validators = [...given];
    for (const { id, component } of pack?.extensions?.validators ?? []) {
      const bytes = pack?.read(pack.components.get(component)?.path ?? "");
      if (bytes !== undefined) validators.push({ name: id, bytes });
      else if (given.length === 0)
        findings.push({
          code: "PACK_COMPONENT_MISSING",
          severity: "info",
          message: `Validate pack: ${quote(id)} is ${quote(component)}, which the pack doesn't hold; give it by --validator`,
        });
    }
    if (validators.length === 0) return findings;
    await using host = new ProcessComponentHost({ poolSize: 1 });
    for (const validator of validators) findings.push(...(await ask(validator, checked, host)));
    return findings;
  };
}

async function ask(
  { name, bytes }: Validator,
  { manifest, sbom, paths }: CheckedPack,
  host: ComponentHost,
): Promise<readonly PackFinding[]> {
  const input = { manifest_cbor: Buffer.from(manifest).toString("base64"), sbom_json: sbom, file_index: [...paths] };
  const failed = (code: string, message: string): readonly PackFinding[] => [
    { code, severity: "error", message: `Validate pack by ${quote(name)}: ${message}` },
  ];
  try {
    for (const operation of ["applies", "validate"]) {
      const report = await testComponent(bytes, { operation, input, timeoutMs: TIMEOUT_MS, host: shared(host) });
      if (!report.ok) return failed(report.error?.code ?? "COMPONENT_FAILED", quote(report.error?.message ?? ""));
      if (operation === "validate") return diagnosticsOf(name, report.output);
      if (report.output === false) return [];
    }
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return failed(error.code, error.message);
  }
  return [];
}

/** The host as one test sees it: ending the test doesn't end the host. */
function shared(host: ComponentHost): ComponentHost {
  return {
    admit: (bytes, grants) => host.admit(bytes, grants),
    examine: (bytes) => host.examine(bytes),
    invoke: (ctx, call) => host.invoke(ctx, call),
    describe: (sha256, links) => host.describe(sha256, links),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Reads what a validator found; its words are quoted, its codes kept where they are codes. */
function diagnosticsOf(name: string, output: JsonValue): readonly PackFinding[] {
  const items = Array.isArray(output) ? output.filter(isJsonObject).slice(0, MAX_DIAGNOSTICS) : [];
  return items.map(({ severity, code, message, path }) => ({
    code: typeof code === "string" && /^[A-Za-z0-9_.:-]{1,64}$/.test(code) ? code : "PACK_VALIDATOR_DIAGNOSTIC",
    severity: levelOf(severity),
    ...(typeof path === "string" && path !== "" ? { path } : {}),
    message: `Validate pack by ${quote(name)}: ${quote(typeof message === "string" ? message : "")}`,
  }));
}

/** Validators write levels as texts of any case; what is no known one is a warning. */
function levelOf(severity: JsonValue | undefined): PackFinding["severity"] {
  const level = typeof severity === "string" ? severity.toLowerCase() : "";
  return level === "error" || level === "info" ? level : "warning";
}
