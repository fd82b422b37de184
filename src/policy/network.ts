import type { NetworkList } from "../config/index.ts";
import type { PolicyDecision, PolicyQuestion } from "./decision.ts";
import { portOf } from "./facts.ts";
import { matchesHost } from "./match-host.ts";

/** Judges where a request goes by every allow-list that is about who sends it: each has to admit it, so that a list only narrows. */
export function judgeNetwork(lists: readonly NetworkList[], question: PolicyQuestion): PolicyDecision | undefined {
  const url = URL.parse(question.url ?? "");
  for (const list of lists) {
    if (!isAbout(list, question)) continue;
    const problem = url === null ? "a URL that can't be read" : problemOf(list, url);
    if (problem !== undefined) return { kind: "deny", rule: list.id, message: `${problem} isn't on the list` };
  }
  return undefined;
}

function isAbout({ subject, tenant }: NetworkList, question: PolicyQuestion): boolean {
  if (tenant !== undefined && tenant !== question.tenant) return false;
  if (subject.kind === "all") return true;
  const { pack = "", component } = question;
  if (subject.kind === "component") return subject.name === component || subject.name === `${pack}/${component ?? ""}`;
  return subject.name === question[subject.kind];
}

function problemOf({ domains, ports, protocols }: NetworkList, url: URL): string | undefined {
  const scheme = url.protocol.slice(0, -1);
  if (protocols !== undefined && !protocols.some((one) => one === scheme)) return `protocol ${scheme}`;
  if (ports !== undefined && !ports.includes(portOf(url))) return `port ${portOf(url)}`;
  if (domains !== undefined && !domains.some((domain) => matchesHost(url.hostname, domain)))
    return `host ${url.hostname}`;
  return undefined;
}
