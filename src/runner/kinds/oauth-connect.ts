import { hash } from "node:crypto";
import type { FlowOAuth } from "../../oauth/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { consentOf } from "../own-envelope.ts";
import { DURATION_SCHEMA, expiryOf } from "./duration.ts";
import type { EffectCall } from "../effect-call.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

/** What the node keeps while the person is away. */
interface Kept {
  readonly code: string;
  readonly provider: string;
  /** The link, for whoever lost it. */
  readonly url: string;
  readonly untilMs: number;
}

const DIGITS = /^\d{6}$/;

/**
 * `oauth.connect`: sends the person a link to a provider's consent and waits until they are back. The truth is what the broker keeps;
 * the message that comes with the callback only wakes the node, so that a wake-up that is lost is made up for by the next word.
 */
export const oauthConnect: Kind = {
  name: "oauth.connect",
  summary: "Asks the person to connect an account at an OAuth provider, and waits until they have.",
  effect: "effectful",
  statuses: ["connected", "denied", "expired"],
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: {
      provider: { type: "string", description: "A provider of greentic.toml, [oauth.NAME]" },
      scopes: { type: "array", items: { type: "string" }, description: "Default all that the provider declares" },
      text: { type: "string", description: "What the person is told" },
      button: { type: "string", description: "The button's title" },
      confirm: {
        type: "boolean",
        description:
          "Whether the person repeats digits that the browser shows, so that a link that is handed on connects nobody else's account; default true",
      },
      again: { type: "boolean", description: "Ask though there is a consent already; default false" },
      expires: DURATION_SCHEMA,
    },
    required: ["provider"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      provider: { type: "string" },
      connected: { type: "boolean" },
      error: { type: ["string", "null"], description: "The code of why not" },
    },
    required: ["provider", "connected"],
  },
  async run(input, call) {
    const given = fields(input);
    const effect = call.effect;
    if (effect === undefined) throw new TypeError("Connect an account: outside of an attempt");
    const { oauth } = effect;
    const provider = text(given["provider"]) ?? "";
    if (oauth === undefined)
      throw new GreenticError(
        "OAUTH_PROVIDER_UNKNOWN",
        `Connect an account at ${quote(provider)}: no provider is declared`,
      );
    const kept = call.resumed === undefined ? undefined : readKept(call.resumed.kept);
    if (kept !== undefined) return goOn(kept, { given, call, effect, oauth });
    return ask(provider, { given, call, effect, oauth });
  },
};

interface On {
  readonly given: JsonObject;
  readonly call: NodeCall;
  readonly effect: EffectCall;
  readonly oauth: FlowOAuth;
}

async function ask(provider: string, on: On): Promise<KindResult> {
  const { given, call, effect, oauth } = on;
  const scopes = Array.isArray(given["scopes"])
    ? (given["scopes"] as readonly JsonValue[]).filter((one): one is string => typeof one === "string")
    : undefined;
  const wanted = { provider, ...(scopes !== undefined && { scopes }) };
  if (given["again"] !== true && (await oauth.has(effect.ctx, wanted))) return ended(provider, "connected");
  // The same for every attempt: a link of an attempt that was given up wakes the same wait.
  const code = hash("sha256", `${effect.ctx.session ?? ""}\n${effect.ctx.idempotencyKey ?? ""}`).slice(0, 32);
  const { url, expiresAtMs } = await oauth.connect(effect.ctx, {
    ...wanted,
    code,
    needsConfirmation: given["confirm"] !== false,
  });
  const untilMs = Math.min(expiresAtMs, expiryOf(given["expires"], call) ?? expiresAtMs);
  return offer({ code, provider, url, untilMs }, on);
}

/** Sends the link, and waits. */
function offer(kept: Kept, { given, call }: On): KindResult {
  const { scope } = call;
  const { provider, url } = kept;
  const said = text(given["text"]) ?? scope.t("greentic.oauth.connect", { provider });
  call.send({
    extensions: {
      adaptive_card: {
        type: "AdaptiveCard",
        $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        version: "1.4",
        body: [{ type: "TextBlock", text: said, wrap: true }],
        actions: [
          {
            type: "Action.OpenUrl",
            title: text(given["button"]) ?? scope.t("greentic.oauth.button", { provider }),
            url,
          },
        ],
      },
    },
  });
  return wait(kept);
}

function wait(kept: Kept): KindResult {
  return {
    kind: "wait",
    reason: `oauth:${kept.provider}`,
    kept: kept as unknown as JsonObject,
    expiresAtMs: kept.untilMs,
  };
}

async function goOn(kept: Kept, on: On): Promise<KindResult> {
  const { call, effect, oauth } = on;
  const { provider, code } = kept;
  const isOver = call.resumed?.by === "expiry";
  const consent = isOver ? undefined : consentOf(call.message);
  const state = await oauth.look(effect.ctx, { provider, code });
  if (state === "connected") return ended(provider, "connected");
  if (consent?.["outcome"] === "denied") return ended(provider, "denied", consent["error"]);
  if (isOver) return ended(provider, "expired");
  const said = consent === undefined ? (call.message?.text ?? "").trim() : "";
  if (said !== "" && isCancel(said, call)) return ended(provider, "denied", "OAUTH_CONSENT_DENIED");
  if (state === "open") return offer(kept, on);
  if (!DIGITS.test(said)) {
    call.send({ text: call.scope.t("greentic.oauth.digits") });
    return wait(kept);
  }
  switch (await oauth.confirm(effect.ctx, { provider, code, digits: said })) {
    case "confirmed":
      return ended(provider, "connected");
    case "wrong":
      call.send({ text: call.scope.t("greentic.oauth.wrong") });
      return wait(kept);
    default:
      return ended(provider, "denied", "OAUTH_CONSENT_MISSING");
  }
}

function ended(provider: string, status: "connected" | "denied" | "expired", error: JsonValue = null): KindResult {
  return ok({ provider, connected: status === "connected", error }, status);
}

function isCancel(said: string, call: NodeCall): boolean {
  return [call.scope.t("greentic.cancel"), "cancel"].some((word) => word.toLowerCase() === said.toLowerCase());
}

function readKept(value: JsonValue): Kept | undefined {
  return isJsonObject(value) && typeof value["code"] === "string" ? (value as unknown as Kept) : undefined;
}
