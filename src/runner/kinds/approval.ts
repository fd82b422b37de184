import { GreenticError } from "../../types/index.ts";
import type { JsonObject, JsonValue, SuggestedAction } from "../../types/index.ts";
import { decisionOf, outputOf, wordOf } from "../approvals.ts";
import { CARD_SCHEMA, renderCard } from "./card.ts";
import { destinations } from "./destinations.ts";
import { DURATION_SCHEMA, expiryOf } from "./duration.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

const DEFAULT_EXPIRY = "7d";

/** `approval`: waits until somebody who may decide approves or rejects. */
export const approval: Kind = {
  name: "approval",
  summary: "Asks people who may decide, here or in other conversations, and waits until one approves or rejects.",
  effect: "waits",
  statuses: ["approved", "rejected", "expired"],
  input: {
    type: "object",
    properties: {
      text: { type: "string", description: "What is to be decided" },
      card: CARD_SCHEMA,
      to: {
        type: ["string", "object", "array"],
        description: "Conversations that are asked, as message.send has them; default this one",
      },
      users: {
        type: ["string", "array"],
        items: { type: "string" },
        description:
          "Who may decide: user ids, or channel:user; default whoever writes in the conversations that are asked",
      },
      approve: { type: "string", description: "The button's title" },
      reject: { type: "string", description: "The button's title" },
      expires: DURATION_SCHEMA,
    },
    required: ["text"],
    anyOf: [{ required: ["to"] }, { required: ["users"] }],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      decision: { enum: ["approved", "rejected", "expired"] },
      by: { type: ["object", "null"], description: "{ channel, user, name } of who decided" },
      at: { type: ["string", "null"] },
    },
    required: ["decision"],
  },
  run(input, call) {
    if (call.resumed !== undefined) {
      const decision = call.resumed.by === "message" ? decisionOf(call.message) : undefined;
      return ok(outputOf(decision), decision?.decision ?? "expired");
    }
    const given = fields(input);
    const untilMs = expiryOf(given["expires"] ?? DEFAULT_EXPIRY, call) ?? call.nowMs;
    const code = ask(given, call, untilMs);
    return { kind: "wait", reason: "approval", kept: { code }, expiresAtMs: untilMs, isClosed: true };
  },
};

/** Asks, and says to whom the code leads. */
function ask(given: JsonObject, call: NodeCall, untilMs: number): string {
  const users = usersOf(given["users"]);
  const to = given["to"] === undefined ? undefined : destinations(given["to"]);
  if (users.length === 0 && to === undefined)
    throw new GreenticError("RUNNER_INPUT_INVALID", "Ask for approval: neither `users` nor `to` says who may decide");
  const code = call.askApproval({ users, to, untilMs });
  const card = renderCard(given["card"], call);
  call.send({
    text: text(given["text"]),
    ...(to === undefined ? {} : { to }),
    extensions: {
      ...(card === undefined ? {} : { adaptive_card: card }),
      suggested_actions: [
        action(text(given["approve"]) ?? call.scope.t("greentic.approve"), wordOf("approve", code)),
        action(text(given["reject"]) ?? call.scope.t("greentic.reject"), wordOf("reject", code)),
      ],
    },
  });
  return code;
}

function action(title: string, value: string): SuggestedAction {
  return { title, value };
}

function usersOf(users: JsonValue | undefined): readonly string[] {
  const list = Array.isArray(users) ? (users as readonly JsonValue[]) : users === undefined ? [] : [users];
  return list.filter((user): user is string => typeof user === "string" && user !== "");
}
