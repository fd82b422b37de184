import { InProcessComponentHost } from "../component/index.ts";
import { createPackOperator } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import { quote } from "../types/index.ts";
import { openAnyPack } from "./check-pack.ts";
import { JudgePlatform } from "./judge-platform.ts";
import { JudgedProvider, originsOf } from "./judged-provider.ts";
import type { ProviderSuiteOptions } from "./judged-provider.ts";
import { egressCases } from "./provider-egress.ts";
import { ingressCases } from "./provider-ingress.ts";
import type { CaseSpec, ConformanceReport } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";

/**
 * Judges a provider pack: its parts answer, what it sends reaches its platform once whatever that does, requests that nobody signed come
 * to nothing, and no secret stands in what it says. All its requests end at a platform of the judge's, on loopback.
 */
export function judgeProvider(bytes: Uint8Array, options: ProviderSuiteOptions): Promise<ConformanceReport> {
  return runSuite("provider", options.target, casesOf(bytes, options));
}

async function* casesOf(bytes: Uint8Array, options: ProviderSuiteOptions): AsyncGenerator<CaseSpec> {
  await using components = new InProcessComponentHost();
  await using platform = await JudgePlatform.open();
  const opened: { pack?: Pack; judged?: JudgedProvider } = {};
  yield {
    id: "provider.opens",
    title: "The pack opens",
    judge: async () => {
      opened.pack = await openAnyPack(bytes, options.nowMs);
      return PASS;
    },
  };
  yield {
    id: "provider.parts",
    title: "Its components serve a channel: asked without grants, one receives or sends",
    judge: async () => {
      if (opened.pack === undefined) return skip(UNOPENED);
      const judged = await JudgedProvider.open(opened.pack, { components, platform, options });
      if (judged.pack.problem !== undefined) return fail(judged.pack.problem);
      opened.judged = judged;
      return PASS;
    },
  };
  const { pack, judged } = opened;
  yield {
    id: "provider.describe",
    title: "Each part says what it is",
    judge: async () => {
      if (pack === undefined || judged === undefined) return skip(UNSERVED);
      const silent: string[] = [];
      for (const name of new Set(Object.values(judged.pack.components))) {
        const { sha256 } = await components.examine(
          pack.read(pack.components.get(name)?.path ?? "") ?? new Uint8Array(),
        );
        await components.describe(sha256).catch((error: unknown) => silent.push(`${name}: ${String(error)}`));
      }
      return failIfAny(silent);
    },
  };
  yield {
    id: "provider.setup",
    title: "Its set-up has questions, and answers that are none are refused or taken as data",
    judge: async () => {
      if (judged === undefined) return skip(UNSERVED);
      const operator = createPackOperator(judged.pack);
      if (!operator.hasQuestions) return skip("its operator has no questions of its own");
      const questions = await operator.questions("default");
      const applied = await operator.applyAnswers("default", { answers: {}, config: {} });
      judged.said.push(JSON.stringify([questions, applied]));
      return PASS;
    },
  };
  yield* ingressCases(judged, UNSERVED);
  const canReach = pack !== undefined && originsOf(pack, options).length > 0;
  yield* egressCases(judged, { unopened: UNSERVED, canReach });
  yield {
    id: "provider.secrets",
    title: "No secret stands in its logs, its answers or what it says of a send",
    judge: () =>
      judged === undefined
        ? skip(UNSERVED)
        : failIfAny(judged.leaks().map((text) => `it said ${quote(text.slice(0, 200))}`)),
  };
}

const UNOPENED = "the pack doesn't open";
const UNSERVED = "the pack serves no channel";
