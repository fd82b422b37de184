import { loadConfig, POLICY_POINTS, readBundlePolicy } from "../../config/index.ts";
import type { PolicyQuestion } from "../../policy/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote, teamId, tenantId } from "../../types/index.ts";
import { bundleSettings } from "../bundle-settings.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { openPolicyEngine } from "../open-policy.ts";

const TEXTS = [
  "user",
  "channel",
  "pack",
  "packHash",
  "publisher",
  "flow",
  "node",
  "operation",
  "component",
  "tool",
  "secret",
  "event",
  "url",
  "method",
] as const;

export default defineCommand({
  summary: "Ask policy a question and say which rule decides",
  arguments: [
    { name: "bundle", summary: "a bundle whose policy.toml files count too (default the one here)", optional: true },
  ],
  options: [
    {
      flags: "--question <json>",
      summary: 'like {"point":"component.http","pack":"weather","url":"https://…"}',
      required: true,
    },
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--json", summary: "print as JSON" },
  ],
  async run(input, io) {
    const { bundle, configFile } = await bundleSettings(input, io);
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { config: configFile } });
    const question = readQuestion(textOption(input, "question") ?? "", {
      env: config.env,
      tenant: bundle?.tenant ?? config.tenant,
    });
    const engine = await openPolicyEngine(
      { ...config, bundle: bundle && readBundlePolicy(bundle.files) },
      createMachineWorld(),
    );
    const decision = await engine.decide(question);
    if (hasFlag(input, "json")) printJson(io, decision);
    else {
      const by = decision.rule === undefined ? "no rule says anything" : `rule ${decision.rule}`;
      io.stdout.write(`${decision.kind}: ${by}${decision.kind === "deny" ? `, ${decision.message}` : ""}\n`);
    }
    return decision.kind === "deny" ? 4 : 0;
  },
});

function readQuestion(text: string, own: Pick<PolicyQuestion, "env" | "tenant">): PolicyQuestion {
  const fail = (problem: string): GreenticError =>
    new GreenticError("POLICY_QUESTION_INVALID", `Read --question: ${problem}`);
  let asked: JsonValue;
  try {
    asked = parseJson(Buffer.from(text));
  } catch {
    throw fail("expected JSON");
  }
  if (!isJsonObject(asked)) throw fail("expected an object");
  const { point, tenant, team, ...rest } = asked;
  const known = POLICY_POINTS.find((one) => one === point);
  if (known === undefined) throw fail(`expected "point" to be one of ${POLICY_POINTS.join(", ")}`);
  for (const [name, value] of Object.entries({ tenant, team }))
    if (value !== undefined && typeof value !== "string") throw fail(`expected ${quote(name)} to be a text`);
  for (const [name, value] of Object.entries(rest)) {
    if (!TEXTS.some((one) => one === name))
      throw fail(`unknown key ${quote(name)}, known are point, tenant, team, ${TEXTS.join(", ")}`);
    if (typeof value !== "string") throw fail(`expected ${quote(name)} to be a text`);
  }
  return {
    ...own,
    ...(typeof tenant === "string" && { tenant: tenantId(tenant) }),
    ...(typeof team === "string" && { team: teamId(team) }),
    point: known,
    ...(rest as Partial<PolicyQuestion>),
  };
}
