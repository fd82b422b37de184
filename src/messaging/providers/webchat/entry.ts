import type { ProviderEntry } from "../entry.ts";
import { createWebChatProvider } from "./provider.ts";

/** Web chat in the catalogue; Direct Line's paths name no channel, so that a tenant's web chat has one name, whatever the bundle calls it. */
export const webchat: ProviderEntry = {
  type: "webchat",
  title: "WebChat",
  secrets: [],
  settings: [],
  channel: "webchat",
  create: (address, { world }) => createWebChatProvider(address, { world }),
};
