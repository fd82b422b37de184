import type { ErrorTable } from "../error-kind.ts";

/** Codes of the flow layer: what parsing and compiling throw, and what `doctor` finds. */
export const flowErrors = {
  FLOW_YAML_INVALID: {
    kind: "invalid_input",
    help: "Write YAML 1.2 core: no duplicate keys, no custom tags, no merge keys, string keys only.",
  },
  FLOW_YAML_TOO_LARGE: { kind: "invalid_input", help: "Keep a flow file at or below 1 MiB; call other flows instead." },
  FLOW_YAML_TOO_DEEP: { kind: "invalid_input", help: "Nest maps and lists at most 64 deep." },
  FLOW_YAML_TOO_MANY_ALIASES: {
    kind: "invalid_input",
    help: "Use at most 100 aliases and let them stand for at most 10,000 values in all.",
  },
  FLOW_SCHEDULE_IGNORED: { kind: "invalid_input", help: "Give the flow the type timer, or leave its schedule out." },
  FLOW_SHAPE_INVALID: {
    kind: "invalid_input",
    help: "A flow has id, type and nodes; see the flow schema (`gtc flow schema`).",
  },
  FLOW_KEY_UNKNOWN: { kind: "invalid_input", help: "Remove the key or correct its spelling." },
  FLOW_ID_INVALID: {
    kind: "invalid_input",
    help: "Node ids are letters, digits, underscores and hyphens, starting with a letter or underscore.",
  },
  FLOW_EMPTY: { kind: "invalid_input", help: "Add a node; running the flow as it is does nothing." },
  FLOW_START_MISSING: { kind: "invalid_input", help: "Let `start` name one of the flow's nodes." },
  FLOW_ENTRYPOINT_MISSING: { kind: "invalid_input", help: "Let every entrypoint name one of the flow's nodes." },
  FLOW_NODE_SHAPE_INVALID: {
    kind: "invalid_input",
    help: "Give the node exactly one operation key (`qa: {…}`), or `kind` and `input`.",
  },
  FLOW_NODE_FIELD_IGNORED: {
    kind: "invalid_input",
    help: "The field is carried and has no effect; remove or replace it.",
  },
  FLOW_NODE_INPUT_INVALID: { kind: "invalid_input", help: "Follow the kind's input schema (`gtc flow kinds <kind>`)." },
  FLOW_NODE_UNREACHABLE: { kind: "invalid_input", help: "Route to the node, make it an entrypoint, or remove it." },
  FLOW_KIND_UNKNOWN: {
    kind: "invalid_input",
    help: "Use a kind that `gtc flow kinds` lists, or `<component>.<operation>` of a component in the pack.",
  },
  FLOW_ROUTE_INVALID: {
    kind: "invalid_input",
    help: "Routing is `out`, `reply` or a list of { to | out | reply, status?, on?, condition?, if? }.",
  },
  FLOW_ROUTE_TARGET_MISSING: { kind: "invalid_input", help: "Let `to` name one of the flow's nodes, or `out`." },
  FLOW_ROUTE_NEXT: { kind: "invalid_input", help: "Write `to` instead of `next`." },
  FLOW_ROUTE_DEAD: { kind: "invalid_input", help: "An entry without guards is the default: put it last." },
  FLOW_GUARD_CONSTANT: { kind: "invalid_input", help: "Remove the guard, or the entry that it never opens." },
  FLOW_GUARD_CONTRADICTION: { kind: "invalid_input", help: "Keep one of the guards, or make two entries of them." },
  FLOW_ROUTE_NO_DEFAULT: {
    kind: "invalid_input",
    help: "Add an entry without guards; without one the flow waits at this node when no guard holds.",
  },
  FLOW_ROUTE_STATUS_UNKNOWN: { kind: "invalid_input", help: "Route on a status that the kind can end with." },
  FLOW_CONDITION_INVALID: {
    kind: "invalid_input",
    help: "Write `path OP literal` with ==, !=, >=, <=, >, < or contains; use `if` (CEL) for more.",
  },
  FLOW_EXPRESSION_INVALID: {
    kind: "invalid_input",
    help: "Write CEL that gives true or false over entry, prev, node, state, vars, parameters, session, tenant, locale, now, status, output, error and the flow's nodes.",
  },
  FLOW_EXPRESSION_FAILED: {
    kind: "invalid_input",
    help: "The expression met a value it can't handle and counted as false; test with has() first.",
  },
  FLOW_TEMPLATE_INVALID: {
    kind: "invalid_input",
    help: "Use {{path}}, the helpers t, json, default, date, number, eq, and the blocks if, unless, each, with; no partials.",
  },
  FLOW_TEMPLATE_TOO_LARGE: {
    kind: "invalid_input",
    help: "A template may produce 256 KiB and take 100,000 steps; loop over less.",
  },
  FLOW_TEMPLATE_VALUE_INVALID: {
    kind: "invalid_input",
    help: "A helper got a value that it can't format; the value was printed as it is.",
  },
  FLOW_PATH_UNKNOWN: {
    kind: "invalid_input",
    help: "Paths start at in, entry, prev, node, state, vars, parameters, session, tenant, locale, now or a node id.",
  },
  FLOW_I18N_KEY_MISSING: {
    kind: "invalid_input",
    help: "Add the key to the i18n bundles; the key itself is shown until then.",
  },
  FLOW_EDIT_INVALID: { kind: "invalid_input", help: "Name a step that the flow has; `gtc flow graph` shows them." },
  FLOW_SIDECAR_INVALID: {
    kind: "invalid_input",
    help: "A .resolve.json has schema_version 1, flow and nodes; delete a broken one and bind again.",
  },
  FLOW_I18N_KEY_UNUSED: { kind: "invalid_input", help: "Remove the text, or use it by `{{t 'key'}}`." },
  FLOW_BODY_MISSING: {
    kind: "invalid_input",
    help: "Name a node of this flow where the chain starts; it ends with `out`.",
  },
  FLOW_BODY_WAITS: {
    kind: "invalid_input",
    help: "Set max_concurrency to 1, or ask before or after: nobody could tell whose answer a message is.",
  },
  FLOW_CARD_INVALID: {
    kind: "invalid_input",
    help: "Follow the Adaptive Card schema 1.6; renderers leave out or refuse what differs.",
  },
  FLOW_OPERATION_MISSING: {
    kind: "invalid_input",
    help: "Call an operation that `gtc component inspect --describe` lists.",
  },
  FLOW_SECRET_UNDECLARED: {
    kind: "invalid_input",
    help: "List the secret under [secrets] required or optional of the pack, so that set-up asks for it.",
  },
  FLOW_GRANT_UNUSED: { kind: "invalid_input", help: "Remove the grant; ask for no more than is used." },
  FLOW_ASSET_MISSING: { kind: "invalid_input", help: "Add the file to the pack's assets or correct the path." },
  FLOW_COMPONENT_MISSING: { kind: "invalid_input", help: "Add the component to the pack or correct its name." },
  FLOW_PROVIDER_MISSING: {
    kind: "not_found",
    help: "Load a pack that provides it beside this one, or correct the provider's id or type.",
  },
  FLOW_TOOL_MISSING: { kind: "invalid_input", help: "Add the tool to the tool map or correct its name." },
} as const satisfies ErrorTable;
