import type { Kind } from "./kind.ts";
import { fields, ok } from "./kind.ts";

/**
 * `provision.apply`: what a pack's set-up flow wants done. `gtc setup` does it in the flow's place; in a conversation nothing is
 * provisioned, and the plan comes back as one that was only looked at.
 */
export const provisionApply: Kind = {
  name: "provision.apply",
  summary: "Gives the plan of a set-up flow to `gtc setup`, which carries it out; elsewhere nothing is done.",
  effect: "waits",
  statuses: ["ok"],
  yieldsToComponents: true,
  input: {
    type: "object",
    properties: {
      dry_run: { description: "Whether the plan is only to be looked at" },
      plan: {
        type: "object",
        properties: {
          actions: { type: "array", description: "{ type: store_config|store_secret|register_webhook|…, scope, key }" },
        },
      },
    },
    required: ["plan"],
  },
  output: {
    type: "object",
    properties: { ok: { type: "boolean" }, dry_run: { type: "boolean" }, plan: { type: "object" } },
    required: ["ok", "dry_run", "plan"],
  },
  run: (input) => ok({ ok: true, dry_run: true, plan: fields(input)["plan"] ?? {} }),
};

/** `apply`: the other name of `provision.apply`, as public packs call it. */
export const apply: Kind = { ...provisionApply, name: "apply" };
