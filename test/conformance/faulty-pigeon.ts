/** The provider pack of the template, with one fault at a time: the same components, told by the pack's configuration what to do wrong. */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildComponent } from "../../src/component/index.ts";
import { newProviderComponents } from "../../src/component/authoring/new-provider.ts";
import { makeProviderPack } from "../stand-ins/provider-pack.ts";

/** What each fault does, and in which part. */
const EGRESS = `import { defineEgress, encodeUtf8, s, toBase64 } from "greentic/component-sdk";

export default defineEgress({
  name: "egress",
  version: "0.1.0",
  config: s.object({ fault: s.optional(s.string()) }),
  send: (message, ctx) => {
    const { fault } = ctx.config;
    const token = ctx.secrets.get("api_token");
    if (fault === "drops") return { ok: true, id: "1" };
    if (fault === "late") for (let i = 0; i < 10_000_000; i++);
    const names = { "names-nothing": {}, renames: { key: \`\${message.key}-\${message.attempt}\` } };
    const post = () =>
      ctx.http.fetch("https://api.pigeon.example/v1/messages", {
        headers: { authorization: \`Bearer \${token}\` },
        json: { loft: message.conversation, text: message.text, ...(names[fault as "renames"] ?? { key: message.key }) },
        timeoutMs: 10_000,
      });
    if (fault === "leaks") ctx.log.info(\`sending as \${toBase64(encodeUtf8(token))}\`);
    if (fault === "twice") post();
    let response;
    try {
      response = post();
    } catch (error) {
      if (fault !== "repeats") throw error;
      response = post();
    }
    if (response.ok) return { ok: true, id: fault === "receipt" ? token : "1" };
    if (fault === "gives-up") return { ok: false, retryable: false };
    return { ok: false, retryable: fault === "insists" || response.status >= 500 };
  },
});
`;

export interface FaultyPigeon {
  /** Builds the pack with a fault; none where it is absent. */
  pack(fault?: string, provider?: string): Promise<Uint8Array>;
}

/** Builds the components once. */
export async function buildFaultyPigeon(): Promise<FaultyPigeon> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-faulty-pigeon-"));
  await newProviderComponents(dir, { name: "pigeon" });
  writeFileSync(join(dir, "egress/src/main.ts"), EGRESS);
  const ingressMain = join(dir, "ingress/src/main.ts");
  const changes: readonly (readonly [string, string])[] = [
    ["import { defineIngress,", "import { defineIngress, s,"],
    [
      "  receive: (request, ctx) => {",
      `  config: s.object({ fault: s.optional(s.string()) }),
  receive: (request, ctx) => {
    const { fault } = ctx.config;
    if (fault === "slow") for (let i = 0; i < 5_000_000; i++);
    if (fault === "asks") ctx.log.info(\`known by \${ctx.secrets.get("webhook_secret")}\`);`,
    ],
    ["if (!isAuthentic(", 'if (fault !== "believes" && !isAuthentic('],
    [
      "return { messages: events.filter(({ from }) => from.is_bot !== true).map(messageOf) };",
      `if (fault === "swallows") return {};
    const messages = events.filter(({ from }) => from.is_bot !== true).map(messageOf);
    return { messages: fault === "renumbers" ? messages.map((one) => ({ ...one, id: ctx.traceId })) : messages };`,
    ],
  ];
  let source = readFileSync(ingressMain, "utf8");
  for (const [from, to] of changes) {
    if (!source.includes(from)) throw new Error(`the template's ingress has no ${from}`);
    source = source.replace(from, to);
  }
  writeFileSync(ingressMain, source);
  const { bytes: egress } = await buildComponent(join(dir, "egress"));
  const { bytes: ingress } = await buildComponent(join(dir, "ingress"));
  return {
    pack: async (fault, provider = "") =>
      makeProviderPack({
        name: "pigeon",
        provider: `verify = "component"\nshows = "text"\n${provider}`,
        components: {
          egress: { bytes: egress, grants: 'http = ["https://api.pigeon.example"]\nsecrets = ["api_token"]' },
          ingress: { bytes: ingress, grants: 'secrets = ["webhook_secret", "webhook_secret_previous"]' },
        },
        secrets: 'required = ["api_token", "webhook_secret"]\noptional = ["webhook_secret_previous"]',
        ...(fault !== undefined && { config: `fault = "${fault}"` }),
      }),
  };
}
