import type { ChannelType } from "../../config/index.ts";
import type { HttpRequest, HttpResponse, HttpStream } from "../../http/index.ts";
import type { Attachment, JsonObject, World } from "../../types/index.ts";
import type { ChannelAddress, Provider, ProviderTimer } from "../provider.ts";
import type { ProviderSetup } from "./setup.ts";

/** Sends one HTTP request; `sendHttp` with the operator's options bound. */
export type SendHttp = (request: HttpRequest, options?: { readonly signal?: AbortSignal }) => Promise<HttpResponse>;

/** Sends one HTTP request and hands the body on while it arrives; `openHttp` with the operator's options bound. */
export type OpenHttp = (
  request: HttpRequest,
  options?: { readonly signal?: AbortSignal; readonly maxResponseBytes?: number },
) => Promise<HttpStream>;

/** What is asked of an operator who sets a channel up. */
export interface ChannelQuestion {
  /** Of a secret: its name in the channel's category; of a setting: its key under `config`. */
  readonly name: string;
  /** What it is, and where the platform shows it. */
  readonly title: string;
  /** Whether the channel can't work without it, where that depends on its settings a function of them. */
  readonly isRequired: boolean | ((config: JsonObject) => boolean);
  /**
   * What a setting is where it isn't a text: `switch` true or false, `list` texts, each of the form. Answers in one text do for both:
   * `true`, and a list's with spaces between them.
   */
  readonly shape?: "switch" | "list";
  /** What it must look like, and that in words: `digits, a colon and a secret`. */
  readonly form?: { readonly pattern: { readonly test: (text: string) => boolean }; readonly words: string };
}

/** A secret of a channel. */
export interface ChannelSecret extends ChannelQuestion {
  /** Whether `{name}_previous` is believed too, so that both sides needn't change at once. */
  readonly isRotated?: boolean;
  /** Makes one of random bytes, where any text of one's own will do. */
  readonly generate?: (random: Uint8Array) => string;
}

/** What a built-in provider is made with. */
export interface ProviderParts {
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly http: SendHttp;
  /** For files, which aren't held in memory. */
  readonly openHttp: OpenHttp;
  /**
   * Keeps a file that came with the message itself (a mail's attachment), so that its attachment holds the `blob:` url instead of the
   * bytes. To be called before the message is accepted. Where it is refused (size, type) the attachment says so. Absent where no
   * files are kept.
   */
  readonly keepFile?: KeepFile;
  /**
   * Finds the addresses of a host that the channel connects to without HTTP, under the operator's rules for private ones. Default: the
   * public ones alone. @throws HTTP_HOST_UNRESOLVED, HTTP_ADDRESS_DENIED
   */
  readonly findAddresses?: (host: string) => Promise<readonly string[]>;
  /** Tells the operator, in one line without secrets, what of the channel doesn't work. */
  readonly warn?: (message: string) => void;
  /** The channel's own settings in the bundle. */
  readonly config: JsonObject;
  /** Reads a secret of the channel as it stands now; empty where there is none. */
  readonly secret: (name: string) => Promise<string>;
  /** Reads a secret and the one that it replaces, as far as they are there. */
  readonly secrets: (name: string) => Promise<readonly string[]>;
}

/** What a provider has for files, where its host gives it what it takes to fetch them. */
export function withFiles(
  openHttp: OpenHttp | undefined,
  make: (openHttp: OpenHttp) => Pick<Provider, "isFile" | "fetchFile">,
): Pick<Provider, "isFile" | "fetchFile"> {
  return openHttp === undefined ? {} : make(openHttp);
}

/** Keeps a file for one session. @throws STORE_UNAVAILABLE, STORE_READ_ONLY where it can't be kept for now */
export type KeepFile = (
  session: { readonly address: ChannelAddress; readonly conversation: string; readonly user: string },
  file: { readonly content: AsyncIterable<Uint8Array>; readonly mimeType: string; readonly name?: string },
) => Promise<Attachment>;

/** One platform of the catalogue: what its channels need, and how they are made. */
export interface ProviderEntry {
  readonly type: ChannelType;
  /** As people write it: `Telegram`. */
  readonly title: string;
  /** Where it is called: `/v1/{domain}/ingress/…`; default messaging. */
  readonly domain?: "messaging" | "events";
  readonly secrets: readonly ChannelSecret[];
  /** Texts; a channel's `config` may hold others, which its provider pack reads. */
  readonly settings: readonly ChannelQuestion[];
  /** The channel's name whatever the bundle calls it, where a platform's paths know only one. */
  readonly channel?: string;
  /** When its events come by themselves, as its settings say; calendars aren't read yet. */
  readonly timesIn?: (config: JsonObject) => ProviderTimer["times"] | undefined;
  /** What is wrong with its settings as a whole, as `config.{name}: expected …`. */
  readonly problemsIn?: (config: JsonObject) => readonly string[];
  /** How its platform is told of a channel. */
  readonly setup?: ProviderSetup;
  readonly create: (address: ChannelAddress, parts: ProviderParts) => Provider;
}
