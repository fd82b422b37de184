import { InProcessComponentHost } from "../component/index.ts";
import type { Pack, PackFinding, PackReport, TrustPolicy } from "../pack/index.ts";
import { TRUST_NOBODY, verifyPack } from "../pack/index.ts";
import type { PackCheck } from "./check-pack.ts";
import { checkPack, openAnyPack } from "./check-pack.ts";
import { fullChecks, probeComponent } from "./full-checks.ts";
import type { CaseSpec, ConformanceReport, Verdict } from "./report.ts";
import { fail, failIfAny, findingText, PASS, runSuite, skip, wordsOf } from "./report.ts";

/** What a pack is judged by. */
export interface PackSuiteOptions {
  readonly target: string;
  readonly nowMs: number;
  /** Default nobody. */
  readonly trust?: TrustPolicy;
  /** Leaves the case of the signature out where there is none, or none that is trusted; a broken one still fails. */
  readonly allowUnsigned?: boolean;
}

/** Judges a pack's bytes: that they open, hold what their listings say, and that everything in them can be loaded. */
export function judgePack(bytes: Uint8Array, options: PackSuiteOptions): Promise<ConformanceReport> {
  return runSuite("pack", options.target, casesOf(bytes, options));
}

const SIGNATURE = /^PACK_(?:SIGNATURE_|SIGNER_|UNSIGNED$|REVOKED$)/;
const SBOM = /^PACK_SBOM_/;

async function* casesOf(bytes: Uint8Array, options: PackSuiteOptions): AsyncGenerator<CaseSpec> {
  const report = await verifyPack(bytes, {
    trust: options.trust ?? TRUST_NOBODY,
    nowMs: options.nowMs,
    probeComponent,
    full: await fullChecks(bytes, { nowMs: options.nowMs }),
  });
  let pack: Pack | undefined;
  yield {
    id: "pack.opens",
    title: "The pack opens: every entry is listed and has its bytes",
    judge: async () => {
      pack = await openAnyPack(bytes, options.nowMs);
      return PASS;
    },
  };
  const opened = pack;
  const flows = new Set([...(opened?.flows.values() ?? [])].map(({ path }) => path));
  const components = new Set([...(opened?.components.values() ?? [])].map(({ path }) => path));
  const errors = report.findings.filter(({ severity }) => severity === "error");
  const isAbout = (paths: ReadonlySet<string>, { path }: PackFinding): boolean => path !== undefined && paths.has(path);
  yield {
    id: "pack.signature",
    title: "A trusted publisher's signature holds",
    judge: () => signatureVerdict(report, options.allowUnsigned === true),
  };
  yield {
    id: "pack.sbom",
    title: "The SBOM lists what is there",
    judge: () =>
      report.sbom.status === "valid"
        ? PASS
        : fail(`the SBOM is ${report.sbom.status}${told(errors.filter(({ code }) => SBOM.test(code)))}`),
  };
  if (opened === undefined) {
    for (const [id, title] of INSIDE) yield { id, title, judge: () => skip("what doesn't open can't be looked into") };
    return;
  }
  let check: PackCheck = { flows: [], files: [] };
  const [verifies, compiles, admits, refers] = INSIDE;
  yield {
    id: verifies[0],
    title: verifies[1],
    judge: () =>
      failIfAny(
        errors
          .filter((one) => !SIGNATURE.test(one.code) && !SBOM.test(one.code))
          .filter((one) => !isAbout(flows, one) && !isAbout(components, one))
          .map(lineOf),
      ),
  };
  yield {
    id: compiles[0],
    title: compiles[1],
    judge: async () => {
      check = await checkPack(opened);
      const wrong = check.flows.flatMap(({ findings }) => findings.filter(({ severity }) => severity === "error"));
      return failIfAny(wrong.filter(({ code }) => !ASSET.test(code)).map(findingText));
    },
  };
  yield {
    id: admits[0],
    title: admits[1],
    judge: async () => {
      const refused = errors.filter((one) => isAbout(components, one)).map(lineOf);
      return components.size === 0
        ? skip("the pack has no components")
        : failIfAny([...refused, ...(await refusedBy(opened))]);
    },
  };
  yield {
    id: refers[0],
    title: refers[1],
    judge: () => {
      const inFlows = check.flows.flatMap(({ findings }) => findings.filter(({ code }) => ASSET.test(code)));
      const inFiles = check.files.filter(({ file }) => !components.has(file)).flatMap(({ findings }) => findings);
      return failIfAny([...inFlows, ...inFiles].filter(({ severity }) => severity === "error").map(findingText));
    },
  };
}

const INSIDE = [
  ["pack.verify", "Nothing else that verification looks at is wrong: lock, content hashes, validators"],
  ["pack.flows", "Every flow compiles, and what it calls is there"],
  ["pack.components", "Every component is admitted, with what the pack grants it"],
  ["pack.assets", "What flows, cards and templates refer to is there"],
] as const;
const ASSET = /^FLOW_(?:ASSET|I18N_KEY)_/;

function signatureVerdict({ signature, findings }: PackReport, allowUnsigned: boolean): Verdict {
  const { status, keyIds } = signature;
  if (status === "valid") return PASS;
  if (allowUnsigned && status !== "invalid")
    return skip(`the signature is ${status}, which was allowed${keyIds.length === 0 ? "" : ` (${keyIds.join(", ")})`}`);
  return fail(`the signature is ${status}${told(findings.filter(({ code }) => SIGNATURE.test(code)))}`);
}

async function refusedBy(pack: Pack): Promise<readonly string[]> {
  await using host = new InProcessComponentHost();
  const refused: string[] = [];
  for (const [name, { path }] of pack.components) {
    try {
      await host.examine(pack.read(path) ?? new Uint8Array());
    } catch (error) {
      refused.push(`${name}: ${wordsOf(error)}`);
    }
  }
  return refused;
}

const lineOf = ({ code, message }: PackFinding): string => `${code}: ${message}`;

const told = (findings: readonly PackFinding[]): string =>
  findings.length === 0 ? "" : `: ${findings.map(lineOf).join("; ")}`;
