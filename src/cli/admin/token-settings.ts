import { ROLES } from "../../admin/index.ts";
import type { AdminTokens, Grant, Role } from "../../admin/index.ts";
import type { Config } from "../../config/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { GreenticError, quote, tenantId } from "../../types/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { textOption } from "../command.ts";
import { openAudit } from "../open-audit.ts";
import { ENV_OPTION, envConfig } from "../open-store.ts";
import { openConfiguredTexts } from "../services.ts";
import { openHostTokens } from "./host-tokens.ts";

/** The options of commands on tokens. */
export const TOKEN_OPTIONS = [
  ENV_OPTION,
  { flags: "--data <dir>", summary: "the data directory" },
  { flags: "--config <file>", summary: "another greentic.toml" },
  { flags: "--json", summary: "print as JSON" },
] as const;

/** The tokens that a command is about. */
interface OpenTokens extends AsyncDisposable {
  readonly config: Config;
  readonly tokens: AdminTokens;
}

/** Opens the tokens of the configured store. @throws as `openHostTokens` */
export async function openTokens(input: CommandInput, io: CommandIo): Promise<OpenTokens> {
  const config = await envConfig(input, io);
  const world = createMachineWorld();
  const chance = (size: number): Uint8Array => world.randomBytes(size);
  const texts = await openConfiguredTexts(config);
  return {
    config,
    tokens: await openHostTokens(config, { texts, world: { nowMs: () => io.nowMs(), randomBytes: chance } }),
    [Symbol.asyncDispose]: () => texts[Symbol.asyncDispose](),
  };
}

/** Puts on record that somebody at the machine makes or takes back a token, before it is done. @throws TELEMETRY_AUDIT_FAILED */
export async function recordTokenChange(
  config: Config,
  { action, target, tenant }: { readonly action: string; readonly target: string; readonly tenant: Grant["tenant"] },
): Promise<void> {
  await using log = await openAudit(config);
  await log.record({
    actor: "operator:cli",
    action,
    target,
    outcome: "allowed",
    env: config.env,
    ...(tenant !== "*" && { tenant }),
  });
}

/** Reads `--role`. @throws CLI_USAGE_INVALID */
export function roleOption(input: CommandInput): Role {
  const text = textOption(input, "role") ?? "";
  const role = ROLES.find((known) => known === text);
  if (role === undefined)
    throw new GreenticError("CLI_USAGE_INVALID", `Read --role: expected ${ROLES.join(", ")}, got ${quote(text)}`);
  return role;
}

/** Reads `--tenant`, where `*` stands for the host and all its tenants. @throws TYPES_ID_INVALID */
export function grantTenant(text: string): Grant["tenant"] {
  return text === "*" ? "*" : tenantId(text);
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `--expires`: `30m`, `12h`, `90d`. @throws CLI_USAGE_INVALID */
export function expiresOption(input: CommandInput, { nowMs }: CommandIo): number | undefined {
  const text = textOption(input, "expires");
  if (text === undefined) return undefined;
  const [, count, unit = ""] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? [];
  if (count === undefined)
    throw new GreenticError("CLI_USAGE_INVALID", `Read --expires: expected 30m, 12h or 90d, got ${quote(text)}`);
  return nowMs() + Number(count) * (UNITS[unit] ?? 0);
}
