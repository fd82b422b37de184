import type { ErrorTable } from "../error-kind.ts";

/** Codes of the runner layer. */
export const runnerErrors = {
  RUNNER_ACCESS_FORBIDDEN: {
    kind: "permission_denied",
    help: "A rule of the bundle's access maps keeps the team out; `gtc bundle doctor` tells which, and the .gmap file changes it.",
  },
  RUNNER_ANSWER_MISSING: {
    kind: "invalid_input",
    help: "Give the answer with the call, or the field a default; required: false lets it out.",
  },
  RUNNER_ASSET_MISSING: { kind: "not_found", help: "Add the file to the pack's assets or correct the path." },
  RUNNER_BUDGET_EXCEEDED: {
    kind: "invalid_input",
    help: "The flow runs in circles: let a node wait, or end the loop with a guard.",
  },
  RUNNER_CALL_TOO_DEEP: {
    kind: "invalid_input",
    help: "Flows call each other in a circle; use flow.goto to go on elsewhere.",
  },
  RUNNER_CARD_INVALID: { kind: "invalid_input", help: "A card is an Adaptive Card: a JSON object." },
  RUNNER_CHANNEL_MISSING: {
    kind: "not_found",
    help: "Configure the channel in the bundle; its name is in the session's key.",
  },
  RUNNER_COMPONENT_MISSING: { kind: "not_found", help: "Add the component to the pack or correct its name." },
  RUNNER_CONFIG_INVALID: {
    kind: "invalid_input",
    help: "A config flow's template is the JSON of an object with node_id and node.",
  },
  RUNNER_CONTROL_INVALID: {
    kind: "invalid_input",
    help: "A component's greentic_control says v 1 and, to jump, the flow; see what the component gave.",
  },
  RUNNER_CRON_INVALID: {
    kind: "invalid_input",
    help: "Five fields (minute, hour, day, month, weekday), or six with seconds first, and an IANA time zone.",
  },
  RUNNER_DRAINING: { kind: "unavailable", help: "The host is shutting down; send again in a moment." },
  RUNNER_EVENT_CIRCLE: {
    kind: "invalid_input",
    help: "A flow publishes what starts it again; publish another type, or end the circle with a guard.",
  },
  RUNNER_FLOW_MISSING: { kind: "not_found", help: "Name a flow of the pack, and one of that flow's nodes." },
  RUNNER_FLOW_UNRESOLVED: {
    kind: "not_found",
    help: "Set default_flow in the bundle, name a flow `default`, or tag one `default`.",
  },
  RUNNER_INPUT_INVALID: { kind: "invalid_input", help: "Follow the kind's input schema (`gtc flow kinds <kind>`)." },
  RUNNER_ITEM_WAITS: {
    kind: "invalid_input",
    help: "What runs beside others can't wait for anybody; set max_concurrency to 1, or ask before or after.",
  },
  RUNNER_ITEMS_FAILED: { kind: "unknown", help: "See the errors in the node's output, one for each that failed." },
  RUNNER_LATER_FULL: {
    kind: "rate_limited",
    help: "Too many messages came while the flow took none; redrive the dead letter once it does.",
  },
  RUNNER_NODE_FAILED: { kind: "unknown", help: "Give the node an error route, or see what it calls." },
  RUNNER_NODE_MISSING: { kind: "internal", help: "Load the pack again; its flow was compiled without this node." },
  RUNNER_NODE_TIMEOUT: { kind: "timeout", help: "What the node calls took too long; raise timeout_ms or add retries." },
  RUNNER_OFFER_DUPLICATE: { kind: "invalid_input", help: "Give the flows' offers different names, or one flow none." },
  RUNNER_PACK_CHANGED: {
    kind: "not_found",
    help: "The new version has no such node, or one of another kind; name where to go on in its assets/migrations.json.",
  },
  RUNNER_PACK_GONE: {
    kind: "not_found",
    help: "A session waited on a version of the pack that is no longer loaded; the person was asked to start again.",
  },
  RUNNER_PACK_MISSING: { kind: "not_found", help: "List what is loaded with `gtc runner list`." },
  RUNNER_PACK_NAME_RESERVED: {
    kind: "permission_denied",
    help: "A pack reads the secrets under its own name; give it a name that neither the host nor a channel of the tenant has.",
  },
  RUNNER_PACK_REVOKED: {
    kind: "permission_denied",
    help: "The pack's signer was revoked while a flow waited; load a version that is signed by somebody trusted.",
  },
  RUNNER_PATTERN_INVALID: {
    kind: "invalid_input",
    help: "Patterns know characters, classes, groups, |, ?, *, +, {n,m}, ^ and $; no look-around, no back-references.",
  },
  RUNNER_PROCESS_ENDED: {
    kind: "internal",
    help: "See what the message makes a node do that ends the host; once that is mended, send the dead letter again.",
  },
  RUNNER_PROVIDER_AMBIGUOUS: {
    kind: "invalid_input",
    help: "The pack has several components: name the one that is meant as provider_id.",
  },
  RUNNER_PROVIDER_MISSING: {
    kind: "not_found",
    help: "Load a pack that provides it for the team, or correct the provider's id or type.",
  },
  RUNNER_REDIRECT_LIMIT: {
    kind: "invalid_input",
    help: "Flows jump to each other in a circle; raise max_redirects where that is meant.",
  },
  RUNNER_RETRY_REFUSED: {
    kind: "unavailable",
    help: "Most calls of the node fail, so that more retries would only add load; they come back as calls go well.",
  },
  RUNNER_EFFECT_DOUBTFUL: {
    kind: "conflict",
    help: "A crash or the node's end came while something was under way that may not be done twice; see whether it was done, then start the flow again.",
  },
  RUNNER_SAGA_INCOMPLETE: {
    kind: "conflict",
    help: "The flow failed, and the nodes that the record lists could not be undone; undo them by hand.",
  },
  RUNNER_SEND_EXHAUSTED: {
    kind: "unavailable",
    help: "The platform refused every attempt; see `gtc outbox list`, then retry.",
  },
  RUNNER_SEND_FAILED: { kind: "internal", help: "The provider failed unexpectedly; see the log for the cause." },
  RUNNER_SEND_UNADDRESSED: {
    kind: "invalid_input",
    help: "A flow that an event started answers nobody: give message.send a `to` with a channel and a conversation.",
  },
  RUNNER_SEND_UNKNOWN: {
    kind: "unknown",
    help: "Nobody knows whether the platform got it; the tenant's policy decides, `gtc outbox retry` sends it again.",
  },
  RUNNER_TOOL_FAILED: { kind: "unknown", help: "See the tool's own code." },
  RUNNER_TOOL_MISSING: { kind: "not_found", help: "Add the tool to assets/toolmap.json or correct its name." },
  RUNNER_TURN_CANCELLED: {
    kind: "conflict",
    help: "Whoever asked for the turn called it off; ask again to start it anew.",
  },
  RUNNER_TURN_FAILED: {
    kind: "internal",
    help: "The engine met a state that it doesn't know; the message is in the dead letters. Please report it.",
  },
  RUNNER_TURN_TIMEOUT: { kind: "timeout", help: "The turn goes on; its message stays accepted and is answered later." },
  RUNNER_WAIT_OVER: { kind: "not_found", help: "What waited has ended or expired; start the flow again." },
} as const satisfies ErrorTable;
