import type { JsonObject, JsonValue } from "../../../types/index.ts";

/** What a web chat's `config` says about who may talk and who speaks first. */
export interface WebChatConfig {
  /** Whether anybody gets a token; otherwise only who has the channel's `directline_secret`. */
  readonly isAnonymous: boolean;
  /** Whether the worker speaks first. */
  readonly autoStart: boolean;
  /** Other sites that may embed the page and speak Direct Line from browsers. */
  readonly trustedOrigins: readonly string[];
}

/** Reads a web chat's `config`; what is misshapen counts as its safe value and is told of elsewhere. */
export function readWebChatConfig(config: JsonObject): WebChatConfig {
  return {
    isAnonymous: isOn(config["anonymous"], true),
    autoStart: isOn(config["autostart"], false),
    trustedOrigins: textsIn(config["trusted_origins"] ?? config["origins"]).filter(
      (origin) => URL.parse(origin)?.origin === origin && origin !== "null",
    ),
  };
}

function isOn(value: JsonValue | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  return value === true || value === "true";
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === "string") return value.split(/[\s,]+/).filter((text) => text !== "");
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter((item) => typeof item === "string") : [];
}
