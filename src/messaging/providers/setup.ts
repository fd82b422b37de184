/** Set-up: telling a platform of a channel, asking it how that stands, and taking it back. Every provider's is in its `setup.ts`. */
import type { ErrorCode, JsonObject } from "../../types/index.ts";
import type { ChannelAddress } from "../provider.ts";
import type { ChannelQuestion, ProviderParts } from "./entry.ts";
import type { Unanswered } from "./reach.ts";

/** How one thing of a set-up stands. Nothing of it holds a secret. */
export interface SetupStep {
  /** `ok` as it should be, `changed` by this run, `planned` by a dry run, `todo` left to a person, `failed`. */
  readonly state: "ok" | "changed" | "planned" | "todo" | "failed";
  readonly what: string;
  /** Why it failed. */
  readonly code?: ErrorCode;
  /** What to do about it. */
  readonly how?: string;
  /** What goes into the platform's pages, to the letter. */
  readonly paste?: string;
  /** Files that go to the platform in one zip of this name. */
  readonly archive?: { readonly name: string; readonly files: Readonly<Record<string, Uint8Array>> };
}

/** What set-up works with: what a provider is made with, and what only an operator's command knows. */
export interface SetupParts extends Pick<ProviderParts, "http" | "config" | "secret" | "secrets" | "findAddresses"> {
  readonly world: Pick<ProviderParts["world"], "nowMs">;
  readonly address: ChannelAddress;
  /** Where the platform reaches the channel; absent where no public address of the host is known. */
  readonly callbackUrl?: string;
  /** Only says what it would change. */
  readonly isDryRun: boolean;
  /** Whether what the platform was told last is known to be what it would be told now: platforms don't show secrets. */
  readonly isKnown: boolean;
  /** Whether a message may be sent to see whether it arrives. */
  readonly isTest: boolean;
  /** The command that shows a secret to who is to paste it. */
  readonly showSecret: (name: string) => string;
}

/** A platform's side of a channel. Each of these may be called any number of times; network failures are steps. */
export interface ProviderSetup {
  /** Whether a channel with these settings is reached by the platform, which takes a public https address. */
  readonly isReached: (config: JsonObject) => boolean;
  /** What a person does at the platform before they have the secrets that are asked for. */
  readonly prepare?: (parts: SetupParts) => readonly SetupStep[];
  /** Tells the platform where the channel is, as far as its API allows. */
  readonly register: (parts: SetupParts) => Promise<readonly SetupStep[]>;
  /** Asks the platform whether the channel is live; changes nothing. */
  readonly verify: (parts: SetupParts) => Promise<readonly SetupStep[]>;
  /** Takes back what `register` told. */
  readonly remove: (parts: SetupParts) => Promise<readonly SetupStep[]>;
}

/** A step that failed because there was no answer. `doing` begins the sentence: `Ask Telegram for its webhook`. */
export function unansweredStep(doing: string, { kind, ...why }: Unanswered): SetupStep {
  if (kind === "denied") {
    const code = ("code" in why ? why.code : "HTTP_ORIGIN_DENIED") as ErrorCode;
    return { state: "failed", what: `${doing}: this host may not call it`, code };
  }
  return { state: "failed", what: `${doing}: no answer`, code: "MESSAGING_PLATFORM_UNAVAILABLE", how: "try again" };
}

/** The setting that says where platforms reach this host, for channels that know it better than the host's configuration. */
export const PUBLIC_BASE_URL: ChannelQuestion = {
  name: "public_base_url",
  title: "Where the platform reaches this host, without the channel's own path",
  isRequired: false,
  form: { pattern: /^https:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/, words: "an https URL" },
};

/** The step of a channel that a platform is to reach and no address is known for. */
export const NO_ADDRESS: SetupStep = {
  state: "todo",
  what: "the platform can't reach this host: no public address is known",
  how: "set public_base_url (https://…) in the channel's config, or server.public_base_url in greentic.toml",
};

/** Says that a registered address changed, or would. */
export function registeredStep(isDryRun: boolean, { what, was }: { what: string; was: string | undefined }): SetupStep {
  const before = was === undefined || was === "" ? "" : ` (was ${was})`;
  return isDryRun
    ? { state: "planned", what: `would register ${what}${before}` }
    : { state: "changed", what: `registered ${what}${before}` };
}

/** The set-up of senders that are told on their pages alone: what to paste, said once. */
export function pastedSetup({
  where,
  paste,
  isSecretTheirs,
}: {
  /** The page, and what to do there. */
  readonly where: string;
  readonly paste: (url: string, parts: SetupParts) => string;
  /** Whether the secret is known once the page is filled in. */
  readonly isSecretTheirs: boolean;
}): ProviderSetup {
  const told = (parts: SetupParts): SetupStep =>
    parts.callbackUrl === undefined
      ? NO_ADDRESS
      : { state: "todo", what: where, paste: paste(parts.callbackUrl, parts) };
  return {
    isReached: () => true,
    ...(isSecretTheirs && { prepare: (parts: SetupParts) => [told(parts)] }),
    register: async (parts) =>
      Promise.resolve([
        parts.isKnown && parts.callbackUrl !== undefined
          ? { state: "ok", what: "what was to be pasted is as before" }
          : told(parts),
      ]),
    verify: async ({ callbackUrl }) =>
      Promise.resolve(
        callbackUrl === undefined
          ? [NO_ADDRESS]
          : [{ state: "ok", what: `nobody can be asked; it listens at ${callbackUrl}` }],
      ),
    remove: async () =>
      Promise.resolve([{ state: "todo", what: "take the address back on the page where it was pasted" }]),
  };
}
