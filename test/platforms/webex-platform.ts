/**
 * Webex as it delivers: webhooks that say only that something was said, and the REST API that says what. A message's
 * name holds what it says, so that there can be any number of them without one being kept here: `m.{n}.{room}.{base64url}`.
 * @see https://developer.webex.com/docs/api/guides/webhooks
 */
import { createHmac } from "node:crypto";
import type { HttpRequest, HttpResponse } from "../../src/http/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { CHANNEL_SETTINGS } from "./channel-settings.ts";

/** The direct room of a person and the worker. */
export const WEBEX_ROOM = "room-4711";
const [ADA, SELF, CARD] = ["person-ada", "person-worker", "card.1"] as const;
const PERSON = { personId: ADA, personEmail: "ada@example.com" };

/** Submitted cards, by name. */
const SUBMITTED = new Map<string, JsonObject>();

/** A webhook's body: that a person said something. */
function saidHook(n: number, text: string): JsonObject {
  const id = `m.${n}.${WEBEX_ROOM}.${Buffer.from(text).toString("base64url")}`;
  return hook("messages", { id, roomId: WEBEX_ROOM, roomType: "direct", ...PERSON });
}

/** A webhook's body: that a person submitted a card with those inputs. */
export function submittedHook(n: number, inputs: JsonObject): JsonObject {
  const action = { id: `a.${n}`, type: "submit", messageId: CARD, roomId: WEBEX_ROOM, personId: ADA };
  SUBMITTED.set(action.id, { ...action, inputs });
  return hook("attachmentActions", action);
}

function hook(resource: "messages" | "attachmentActions", data: JsonObject): JsonObject {
  return { id: "hook-1", name: "worker", resource, event: "created", createdBy: SELF, actorId: ADA, data };
}

/** Answers a fetch of what a name says; undefined for what isn't a fetch. */
function answerTo(url: string): HttpResponse | undefined {
  const [, resource, name = ""] = /\/v1\/(people|messages|attachment\/actions)\/([^/?]+)$/.exec(url) ?? [];
  if (resource === undefined) return undefined;
  const id = decodeURIComponent(name);
  if (resource === "people") return json(200, { id: SELF, displayName: "Worker" });
  if (id === CARD) return json(200, { id, roomId: WEBEX_ROOM, roomType: "direct", personId: SELF });
  if (resource !== "messages") return json(SUBMITTED.has(id) ? 200 : 404, SUBMITTED.get(id) ?? {});
  const [, , roomId = "", said = ""] = id.split(".");
  const text = Buffer.from(said, "base64url").toString();
  return json(200, { id, roomId, roomType: "direct", ...PERSON, text });
}

function json(status: number, body: JsonObject): HttpResponse {
  return { status, headers: [], body: Buffer.from(JSON.stringify(body)) };
}

const SECRET = CHANNEL_SETTINGS["webex"]?.secrets["webex_webhook_secret"] ?? "";

function hmac(of: Uint8Array, { algorithm = "sha1", secret = SECRET } = {}): Buffer {
  return createHmac(algorithm, secret).update(of).digest();
}

const signature = (value: string): Readonly<Record<string, string>> => ({ "x-spark-signature": value });

/** Webex, whose signature is over the body and has no time. */
export const webex = {
  type: "webex" as const,
  message: saidHook,
  sign: (body: Uint8Array): Readonly<Record<string, string>> => signature(hmac(body).toString("hex")),
  signatureHeader: "x-spark-signature",
  isBodySigned: true,
  forge: (body: Uint8Array): readonly Readonly<Record<string, string>>[] => {
    const made = [
      ...["sha256", "sha512", "md5"].map((algorithm) => hmac(body, { algorithm })),
      ...["", `${SECRET} `, SECRET.toUpperCase()].map((secret) => hmac(body, { secret })),
    ].map((bytes) => bytes.toString("hex"));
    const right = hmac(body);
    return [
      ...[...made, right.toString("base64"), `sha1=${right.toString("hex")}`, SECRET].map(signature),
      // Another header proves nothing.
      { "x-hub-signature": `sha1=${right.toString("hex")}` },
    ];
  },
  answer: ({ method, url }: Pick<HttpRequest, "method" | "url">): HttpResponse | undefined =>
    method === "GET" ? answerTo(url) : undefined,
};
