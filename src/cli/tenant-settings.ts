import type { Bundle, BundleProvider } from "../config/index.ts";
import type { GatewayTenant, WebChatSettings } from "../gateway/index.ts";
import { readWebChatConfig } from "../messaging/index.ts";
import type { TenantId } from "../types/index.ts";
import { channelSecret } from "./channels.ts";
import type { ChannelParts } from "./channels.ts";
import { teamOf } from "./host.ts";

/** What the gateway is to know of a tenant: its page, and who may talk in its web chats. */
export function tenantSettings(
  tenant: TenantId,
  { bundle, ...parts }: { readonly bundle: Bundle | undefined } & Pick<ChannelParts, "config" | "secrets">,
): GatewayTenant {
  const worker = bundle?.tenant === tenant ? bundle.worker : undefined;
  const team = teamOf(bundle, tenant);
  const chats = (bundle?.providers ?? []).filter((one) => one.type === "webchat" && one.tenant === tenant);
  const own = chats.find((chat) => chat.team === team);
  const others = chats.filter((chat) => chat.team !== team);
  return {
    team,
    // On a desktop a tenant without one of its own can be talked to as well.
    webchat: own === undefined ? { anonymous: true } : webChatSettings(own, parts),
    ...(others.length > 0 && {
      teamWebchats: Object.fromEntries(others.map((chat) => [chat.team, webChatSettings(chat, parts)])),
    }),
    page: {
      locales: worker?.locales ?? ["en"],
      theme: worker?.accent === undefined ? {} : { accent: worker.accent },
      worker: {
        title: worker?.title ?? "Worker",
        description: worker?.description ?? "",
        suggestions: worker?.suggestions ?? [],
      },
    },
  };
}

function webChatSettings(chat: BundleProvider, parts: Pick<ChannelParts, "config" | "secrets">): WebChatSettings {
  const { isAnonymous, autoStart, trustedOrigins } = readWebChatConfig(chat.config);
  const secret = channelSecret(chat, parts);
  return {
    anonymous: isAnonymous,
    autoStart,
    origins: trustedOrigins,
    secrets: () => Promise.all(["directline_secret", "directline_secret_previous"].map(secret)),
  };
}
