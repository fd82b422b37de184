import type { Config } from "../config/index.ts";
import type { GrantOwner } from "../oauth/index.ts";
import { DEFAULT_TEAM, teamId } from "../types/index.ts";
import type { CommandInput } from "./command.ts";
import { textOption } from "./command.ts";

/** The options with which the oauth commands name a tenant's grant. */
export const OAUTH_OPTIONS = [
  { flags: "--tenant <tenant>", summary: "whose grant (default: the configured tenant)" },
  { flags: "--team <team>", summary: "the team's own grant instead of the tenant's" },
  { flags: "--service <name>", summary: "the service's name, where a tenant has several (default: default)" },
  { flags: "--config <file>", summary: "another greentic.toml" },
] as const;

/** The grant of a service that a command names. */
export function serviceOwner(
  input: CommandInput,
  { config, provider, fallback }: { readonly config: Config; readonly provider: string; readonly fallback: string },
): GrantOwner {
  const team = textOption(input, "team");
  return {
    env: config.env,
    tenant: config.tenant,
    ...(team !== undefined && team !== DEFAULT_TEAM && { team: teamId(team) }),
    provider,
    kind: "service",
    id: textOption(input, "service") ?? fallback,
  };
}
