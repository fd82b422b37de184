import type { PolicyConfig, ResidencyConfig } from "../config/index.ts";
import type { PolicyQuestion } from "./decision.ts";
import { matchesHost } from "./match-host.ts";

/** Every name that a rule may use, with its CEL type; what isn't known at a point is empty, and `port` 0. */
export const FACT_TYPES = {
  point: "string",
  env: "string",
  tenant: "string",
  team: "string",
  user: "string",
  channel: "string",
  pack: "string",
  pack_hash: "string",
  publisher: "string",
  flow: "string",
  node: "string",
  operation: "string",
  component: "string",
  tool: "string",
  secret: "string",
  event: "string",
  url: "string",
  scheme: "string",
  host: "string",
  port: "int",
  method: "string",
  labels: "map<string, string>",
  host_region: "string",
  tenant_region: "string",
  target_region: "string",
} as const;

/** What rules see of a question. */
export type Facts = Readonly<
  Record<Exclude<keyof typeof FACT_TYPES, "port" | "labels">, string> & {
    readonly port: bigint;
    readonly labels: Readonly<Record<string, string>>;
  }
>;

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** Makes the facts of a question: where its URL leads, what the operator says of its tenant. */
export function factsOf(
  question: PolicyQuestion,
  { labels }: Pick<PolicyConfig, "labels">,
  residency: ResidencyConfig,
): Facts {
  const { tenant } = question;
  const url = question.url === undefined ? undefined : URL.parse(question.url);
  const host = url?.hostname ?? "";
  return {
    point: question.point,
    env: question.env,
    tenant,
    team: question.team ?? "",
    user: question.user ?? "",
    channel: question.channel ?? "",
    pack: question.pack ?? "",
    pack_hash: question.packHash ?? "",
    publisher: question.publisher ?? "",
    flow: question.flow ?? "",
    node: question.node ?? "",
    operation: question.operation ?? "",
    component: question.component ?? "",
    tool: question.tool ?? "",
    secret: question.secret ?? "",
    event: question.event ?? "",
    // What stands behind the path may be a secret.
    url: url == null ? "" : `${url.origin}${url.pathname}`,
    scheme: url?.protocol.slice(0, -1) ?? "",
    host,
    port: url == null ? 0n : BigInt(portOf(url)),
    method: question.method ?? "",
    labels: Object.hasOwn(labels, tenant) ? (labels[tenant] ?? NO_LABELS) : NO_LABELS,
    host_region: residency.region ?? "",
    tenant_region: (Object.hasOwn(residency.tenants, tenant) ? residency.tenants[tenant] : undefined) ?? "",
    target_region: host === "" ? "" : regionOf(host, residency),
  };
}

/** The port that a URL leads to. */
export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/** An exact name goes before a wildcard. */
function regionOf(host: string, { destinations }: ResidencyConfig): string {
  if (Object.hasOwn(destinations, host)) return destinations[host] ?? "";
  for (const [domain, region] of Object.entries(destinations)) if (matchesHost(host, domain)) return region;
  return "";
}
