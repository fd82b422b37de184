import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { channelId, envId, teamId, tenantId } from "../../../types/index.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import type { EmailOptions } from "./provider.ts";
import { createEmailProvider } from "./provider.ts";
import { readSettings } from "./settings.ts";

/** The channel of the tests. */
export const PLACE: ChannelAddress = {
  env: envId("dev"),
  tenant: tenantId("acme"),
  team: teamId("default"),
  channel: channelId("email"),
};
/** What its threads are signed with. */
export const THREAD_SECRET = "0123456789abcdef0123456789abcdef";

/** The machine's time: connections of the tests are real. */
export const machine = {
  nowMs: (): number => Date.now(),
  schedule: (delayMs: number, task: () => void): (() => void) => {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Makes a channel of `worker@example.com`; hosts are this machine. */
export function emailChannel(
  config: JsonObject,
  options: Partial<EmailOptions> & { readonly known?: Readonly<Record<string, string>> } = {},
): Provider {
  const { known = {}, ...rest } = options;
  const secrets: Readonly<Record<string, string>> = { email_thread_secret: THREAD_SECRET, ...known };
  return createEmailProvider({
    address: PLACE,
    settings: readSettings({ from: "worker@example.com", from_name: "Weather", ...config }),
    world: machine,
    secret: async (name) => Promise.resolve(secrets[name] ?? ""),
    secrets: async (name) =>
      Promise.resolve([secrets[name] ?? "", secrets[`${name}_previous`] ?? ""].filter((one) => one !== "")),
    find: async () => Promise.resolve(["127.0.0.1"]),
    ...rest,
  });
}

/** A message that a flow says. */
export function said(message: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope {
  return {
    id: "m-1",
    tenant: { env: "dev", tenant: "acme", team: "default" },
    channel: "email",
    session_id: "anna@example.net",
    attachments: [],
    metadata: {},
    ...message,
  };
}

/** A mail as bytes; lines end as on the wire. */
export const mailOf = (lines: readonly string[]): Uint8Array => Buffer.from(lines.join("\r\n"));
