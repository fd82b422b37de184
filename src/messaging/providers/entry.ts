import type { ChannelType } from "../../config/index.ts";
import type { HttpRequest, HttpResponse } from "../../http/index.ts";
import type { JsonObject, World } from "../../types/index.ts";
import type { ChannelAddress, Provider } from "../provider.ts";

/** Sends one HTTP request; `sendHttp` with the operator's options bound. */
export type SendHttp = (request: HttpRequest, options?: { readonly signal?: AbortSignal }) => Promise<HttpResponse>;

/** What is asked of an operator who sets a channel up. */
export interface ChannelQuestion {
  /** Of a secret: its name in the channel's category; of a setting: its key under `config`. */
  readonly name: string;
  /** What it is, and where the platform shows it. */
  readonly title: string;
  /** Whether the channel can't work without it, where that depends on its settings a function of them. */
  readonly isRequired: boolean | ((config: JsonObject) => boolean);
  /** What it must look like, and that in words: `digits, a colon and a secret`. */
  readonly form?: { readonly pattern: RegExp; readonly words: string };
}

/** A secret of a channel. */
export interface ChannelSecret extends ChannelQuestion {
  /** Whether `{name}_previous` is believed too, so that both sides needn't change at once. */
  readonly isRotated?: boolean;
}

/** What a built-in provider is made with. */
export interface ProviderParts {
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly http: SendHttp;
  /** The channel's own settings in the bundle. */
  readonly config: JsonObject;
  /** Reads a secret of the channel as it stands now; empty where there is none. */
  readonly secret: (name: string) => Promise<string>;
  /** Reads a secret and the one that it replaces, as far as they are there. */
  readonly secrets: (name: string) => Promise<readonly string[]>;
}

/** One platform of the catalogue: what its channels need, and how they are made. */
export interface ProviderEntry {
  readonly type: ChannelType;
  /** As people write it: `Telegram`. */
  readonly title: string;
  readonly secrets: readonly ChannelSecret[];
  /** Texts; a channel's `config` may hold others, which its provider pack reads. */
  readonly settings: readonly ChannelQuestion[];
  /** The channel's name whatever the bundle calls it, where a platform's paths know only one. */
  readonly channel?: string;
  readonly create: (address: ChannelAddress, parts: ProviderParts) => Provider;
}
