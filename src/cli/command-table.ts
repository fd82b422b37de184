import type { CommandSpec } from "./command.ts";

type Load = () => Promise<{ readonly default: CommandSpec }>;

/** A verb: its summary for help, and how to load it once it is chosen. */
export interface TableEntry {
  readonly summary: string;
  readonly load: Load;
}

/** Every verb, `noun verb` → entry. Files are imported only when chosen; a test pins summaries against the files. */
export const COMMANDS: Readonly<Record<string, TableEntry>> = {
  new: {
    summary: "Scaffold a pack that builds, passes its own check and runs",
    load: () => import("./commands/new.ts"),
  },
  dev: {
    summary: "Build, run and reload the packs of a directory",
    load: () => import("./commands/dev.ts"),
  },
  start: { summary: "Run a bundle", load: () => import("./commands/start.ts") },
  setup: {
    summary: "Set channels up: ask what they need, keep secrets, tell their platforms, verify",
    load: () => import("./commands/setup.ts"),
  },
  doctor: { summary: "Check this machine and this directory", load: () => import("./commands/doctor.ts") },
  "runner load": {
    summary: "Verify a pack and register it in the data directory",
    load: () => import("./commands/runner-load.ts"),
  },
  "runner list": { summary: "List registered packs", load: () => import("./commands/runner-list.ts") },
  "runner unload": { summary: "Remove a registered pack", load: () => import("./commands/runner-unload.ts") },
  "runner run-flow": { summary: "Run one turn of a flow", load: () => import("./commands/runner-run-flow.ts") },
  "bundle build": {
    summary: "Build a .gtbundle image from a bundle's directory",
    load: () => import("./commands/bundle-build.ts"),
  },
  "bundle inspect": { summary: "Show what a bundle holds", load: () => import("./commands/bundle-inspect.ts") },
  "bundle doctor": {
    summary: "Check a bundle: its packs, flows, channels, secrets and access maps",
    load: () => import("./commands/bundle-doctor.ts"),
  },
  "flow doctor": { summary: "Check flows", load: () => import("./commands/flow-doctor.ts") },
  "flow graph": { summary: "Draw a flow as a Mermaid diagram", load: () => import("./commands/flow-graph.ts") },
  "flow new": { summary: "Write a new flow", load: () => import("./commands/flow-new.ts") },
  "flow add-step": { summary: "Add a step to a flow", load: () => import("./commands/flow-add-step.ts") },
  "flow update-step": { summary: "Change a step of a flow", load: () => import("./commands/flow-update-step.ts") },
  "flow delete-step": { summary: "Delete a step of a flow", load: () => import("./commands/flow-delete-step.ts") },
  "flow bind-component": {
    summary: "Let a step call a component, and note where the component comes from",
    load: () => import("./commands/flow-bind-component.ts"),
  },
  "flow test": {
    summary: "Run recorded conversations against a flow",
    load: () => import("./commands/flow-test.ts"),
  },
  "flow kinds": { summary: "List node kinds with their inputs", load: () => import("./commands/flow-kinds.ts") },
  "pack build": { summary: "Build a pack from its source directory", load: () => import("./commands/pack-build.ts") },
  "pack keygen": { summary: "Make a signing key pair", load: () => import("./commands/pack-keygen.ts") },
  "pack sign": { summary: "Sign a pack", load: () => import("./commands/pack-sign.ts") },
  "pack trust": { summary: "Sign a trust file with the root key", load: () => import("./commands/pack-trust.ts") },
  "pack verify": {
    summary: "Verify a pack's integrity, signatures and, in full, its content",
    load: () => import("./commands/pack-verify.ts"),
  },
  "pack validate": {
    summary: "Validate a pack's structure and manifest",
    load: () => import("./commands/pack-validate.ts"),
  },
  "pack inspect": { summary: "Show what a pack holds", load: () => import("./commands/pack-inspect.ts") },
  "pack push": { summary: "Push a pack to a registry", load: () => import("./commands/pack-push.ts") },
  "pack pull": {
    summary: "Pull a pack from a registry and verify it",
    load: () => import("./commands/pack-pull.ts"),
  },
  "pack resolve": {
    summary: "Resolve a pack's dependencies into pack.lock",
    load: () => import("./commands/pack-resolve.ts"),
  },
  "pack prune": {
    summary: "Remove what was fetched from registries and isn't used",
    load: () => import("./commands/pack-prune.ts"),
  },
  "component new": { summary: "Scaffold a component", load: () => import("./commands/component-new.ts") },
  "component build": {
    summary: "Build a component's source to WebAssembly",
    load: () => import("./commands/component-build.ts"),
  },
  "component inspect": {
    summary: "Show a component's interface",
    load: () => import("./commands/component-inspect.ts"),
  },
  "component test": {
    summary: "Call a component in the local harness, or run its test cases",
    load: () => import("./commands/component-test.ts"),
  },
  "component doctor": {
    summary: "Check a component as a host would take it",
    load: () => import("./commands/component-doctor.ts"),
  },
  "component fetch": {
    summary: "Fetch a component and keep it by its digest",
    load: () => import("./commands/component-fetch.ts"),
  },
  "component hash": { summary: "Print a component's SHA-256", load: () => import("./commands/component-hash.ts") },
  "mcp list-tools": { summary: "List the tools of a tool map", load: () => import("./commands/mcp-list-tools.ts") },
  "mcp login": {
    summary: "Consent to what an MCP server asks for, and keep its tokens",
    load: () => import("./commands/mcp-login.ts"),
  },
  "mcp serve": { summary: "Offer a tenant's flows as MCP tools", load: () => import("./commands/mcp-serve.ts") },
  "mcp call": { summary: "Call a tool of a tool map", load: () => import("./commands/mcp-call.ts") },
  "policy check": {
    summary: "Compile the rules of policy and list them with their places",
    load: () => import("./commands/policy-check.ts"),
  },
  "policy test": {
    summary: "Ask policy a question and say which rule decides",
    load: () => import("./commands/policy-test.ts"),
  },
  "oauth login": {
    summary: "Consent for a tenant at an OAuth provider, and keep its tokens",
    load: () => import("./commands/oauth-login.ts"),
  },
  "oauth list": {
    summary: "List a tenant's OAuth grants, without their tokens",
    load: () => import("./commands/oauth-list.ts"),
  },
  "oauth revoke": {
    summary: "End an OAuth grant: at the provider, and here",
    load: () => import("./commands/oauth-revoke.ts"),
  },
  "secrets set": { summary: "Keep a secret", load: () => import("./commands/secrets-set.ts") },
  "secrets get": { summary: "Print a secret", load: () => import("./commands/secrets-get.ts") },
  "secrets list": { summary: "List the names of secrets", load: () => import("./commands/secrets-list.ts") },
  "secrets doctor": {
    summary: "Say which secrets a bundle needs, where each is found, and how to set what is missing",
    load: () => import("./commands/secrets-doctor.ts"),
  },
  "secrets delete": { summary: "Remove a secret", load: () => import("./commands/secrets-delete.ts") },
  "audit list": { summary: "List who did what, and who wasn't let", load: () => import("./commands/audit-list.ts") },
  "audit verify": {
    summary: "Verify that the audit log is as it was written",
    load: () => import("./commands/audit-verify.ts"),
  },
  "secrets seal": {
    summary: "Seal the secrets of a plain secrets.json, and remove it",
    load: () => import("./commands/secrets-seal.ts"),
  },
  "secrets rotate-key": {
    summary: "Put a new master key in the place of the one that sealed secrets open with",
    load: () => import("./commands/secrets-rotate-key.ts"),
  },
  "deployer init": {
    summary: "Describe a tenant and its connectors in this directory",
    load: () => import("./commands/deployer-init.ts"),
  },
  "deployer bootstrap": {
    summary: "Make the tenant, dev key, secrets file and registrations",
    load: () => import("./commands/deployer-bootstrap.ts"),
  },
  "deployer plan": {
    summary: "Show what applying would change, and what has to be there beforehand",
    load: () => import("./commands/deployer-plan.ts"),
  },
  "deployer render": {
    summary: "Write what a target is given: units, manifests, templates",
    load: () => import("./commands/deployer-render.ts"),
  },
  "deployer apply": {
    summary: "Make a target as it is described; twice changes nothing",
    load: () => import("./commands/deployer-apply.ts"),
  },
  "deployer status": {
    summary: "Say what was applied, whether it is still so, and how it is doing",
    load: () => import("./commands/deployer-status.ts"),
  },
  "deployer rollback": {
    summary: "Go back to what was applied before",
    load: () => import("./commands/deployer-rollback.ts"),
  },
  "conformance pack": {
    summary: "Judge a pack: integrity, signature, SBOM, flows, components, assets",
    load: () => import("./commands/conformance-pack.ts"),
  },
  "conformance flow": {
    summary: "Judge flows: doctor, and every recorded conversation",
    load: () => import("./commands/conformance-flow.ts"),
  },
  "conformance component": {
    summary: "Judge a component: what it is, its documented cases, hostile inputs",
    load: () => import("./commands/conformance-component.ts"),
  },
  "conformance runner": {
    summary: "Judge a runner by its command line: it loads a pack, answers, and goes on in a session",
    load: () => import("./commands/conformance-runner.ts"),
  },
  "conformance provider": {
    summary: "Judge a provider pack: what it sends arrives once, and what nobody signed is refused",
    load: () => import("./commands/conformance-provider.ts"),
  },
  "conformance telemetry": {
    summary: "Judge exported spans: attributes, parents, times",
    load: () => import("./commands/conformance-telemetry.ts"),
  },
  "conformance deployer": {
    summary: "Judge a deployment: rendered twice the same, applied twice nothing new",
    load: () => import("./commands/conformance-deployer.ts"),
  },
  "conformance check-pack": {
    summary: "Report on a pack as the public greentic-conformance does",
    load: () => import("./commands/conformance-check-pack.ts"),
  },
  "conformance check-runner": {
    summary: "Report on a runner as the public greentic-conformance does: one run over a pack",
    load: () => import("./commands/conformance-check-runner.ts"),
  },
  "config show": {
    summary: "Show the configuration and where each value came from",
    load: () => import("./commands/config-show.ts"),
  },
  "admin token create": {
    summary: "Make a token for the admin API",
    load: () => import("./commands/admin-token-create.ts"),
  },
  "admin token list": {
    summary: "List the tokens of the admin API",
    load: () => import("./commands/admin-token-list.ts"),
  },
  "admin token revoke": {
    summary: "Revoke a token of the admin API",
    load: () => import("./commands/admin-token-revoke.ts"),
  },
  "admin request": {
    summary: "Send one request to a host's admin API",
    load: () => import("./commands/admin-request.ts"),
  },
  "session list": { summary: "List sessions", load: () => import("./commands/session-list.ts") },
  "session show": { summary: "Show one session", load: () => import("./commands/session-show.ts") },
  "session erase": {
    summary: "Erase what is kept of a tenant's people",
    load: () => import("./commands/session-erase.ts"),
  },
  "session end": { summary: "End a session", load: () => import("./commands/session-end.ts") },
  "dlq list": {
    summary: "List what could not be handled or delivered",
    load: () => import("./commands/dlq-list.ts"),
  },
  "dlq redrive": { summary: "Try a dead letter again", load: () => import("./commands/dlq-redrive.ts") },
  "dlq drop": { summary: "Forget a dead letter", load: () => import("./commands/dlq-drop.ts") },
  "runner answer": {
    summary: "Answer a conformance judge: run one activity from standard input, cut off from everything",
    load: () => import("./commands/runner-answer.ts"),
  },
  "runner replay": {
    summary: "Replay a recorded session against another version of its pack",
    load: () => import("./commands/runner-replay.ts"),
  },
  "outbox list": { summary: "List sends and their states", load: () => import("./commands/outbox-list.ts") },
  "outbox abandon": {
    summary: "Give up a send that waits or is unknown",
    load: () => import("./commands/outbox-abandon.ts"),
  },
  "outbox retry": { summary: "Queue a failed or unknown send again", load: () => import("./commands/outbox-retry.ts") },
};
