import type {
  ComponentGrants,
  ComponentHost,
  ComponentInfo,
  ComponentLink,
  HostServices,
} from "../../src/component/index.ts";
import { checkImports, inspectComponent } from "../../src/component/index.ts";
import { createWasi, linkComponent, parseComponent, resolveWasi } from "../../src/component/linker/index.ts";
import type { HostFunction } from "../../src/component/linker/index.ts";
import { isHostInterface } from "../../src/component/capabilities/declarations.ts";
import { envId, isGreenticError, teamId, tenantId } from "../../src/types/index.ts";
import type { OutcomeError, TenantCtx } from "../../src/types/index.ts";
import { deriveCalls } from "./derive-calls.ts";
import type { FoundFile } from "./find-components.ts";

/** How far one component got, and what stopped it where that is our own fault. */
export interface Exercise {
  readonly file: FoundFile;
  readonly info: ComponentInfo | undefined;
  /** With nothing but the documented imports. */
  readonly isInstantiated: boolean;
  readonly isDescribed: boolean;
  readonly callsOk: number;
  /** One line for each call that ended in the component's own error. */
  readonly ownErrors: readonly string[];
  /** One line for each thing that went wrong on our side. */
  readonly failures: readonly string[];
  /** What it needs that the host doesn't have and no component found here serves. */
  readonly missing: readonly string[];
}

/** Who the calls are for. */
export const CTX: TenantCtx = {
  env: envId("test"),
  tenant: tenantId("acme"),
  team: teamId("default"),
  flow: "flow",
  node: "node",
  traceId: "0".repeat(32),
  correlationId: "compat",
  attempt: 1,
  locale: "en",
};

/** What published providers ask for. */
const SECRETS = [
  "TELEGRAM_BOT_TOKEN",
  "SLACK_BOT_TOKEN",
  "SLACK_SIGNING_SECRET",
  "MS_GRAPH_TENANT_ID",
  "MS_GRAPH_CLIENT_ID",
  "MS_GRAPH_CLIENT_SECRET",
  "MS_GRAPH_REFRESH_TOKEN",
  "WHATSAPP_TOKEN",
  "WHATSAPP_VERIFY_TOKEN",
  "WEBEX_BOT_TOKEN",
  "jwt_signing_key",
];

/** Whatever a component may ask for that is documented; nothing of it leads outside. */
const GRANTS: ComponentGrants = {
  http: ["https://*.test", "https://api.telegram.org", "https://slack.com", "https://graph.microsoft.com"],
  secrets: SECRETS,
  secretsWrite: ["*"],
  state: "read-write",
  tools: ["*"],
  assets: true,
  oauth: ["*"],
};

function services(): HostServices {
  const state = new Map<string, Uint8Array>();
  return {
    http: async () => ({ status: 200, headers: [["content-type", "application/json"]], body: Buffer.from("{}") }),
    secret: async (_ctx, name) => Buffer.from(`value of ${name}`),
    stateRead: async (_ctx, key) => state.get(key),
    stateWrite: async (_ctx, key, value) => void state.set(key, value),
    stateDelete: async (_ctx, key) => void state.delete(key),
    tool: async () => null,
    asset: async () => undefined,
    log: () => undefined,
  };
}

/** Imports that every host of these components has. */
const DOCUMENTED =
  /^(?:greentic:|wasi:(?:io|cli|clocks|random|filesystem|sockets)\/|wasi:http\/(?:types|outgoing-handler)@)/;
/** What only the component itself can have caused. */
const OWN_TRAPS = ["unreachable", "exit"];
const OWN_BREAK = /: it broke off: (?:unreachable|exit)$/;
/** What only we can have caused: the input was derived from the component's own word, the rest is our work. */
const OUR_CODES = [
  "COMPONENT_INPUT_INVALID",
  "COMPONENT_OUTPUT_INVALID",
  "COMPONENT_DEADLINE_EXCEEDED",
  "COMPONENT_HOST_LOST",
  "COMPONENT_BUSY",
  "COMPONENT_ABI_UNSUPPORTED",
  "COMPONENT_NOT_ADMITTED",
];

/** Inspects, admits, describes and calls one component. `others` may serve what it imports. */
export async function exercise(
  host: ComponentHost,
  file: FoundFile,
  others: { readonly infos: readonly ComponentInfo[]; readonly bytesOf: (sha256: string) => Uint8Array },
): Promise<Exercise> {
  const { infos, bytesOf } = others;
  const failures: string[] = [];
  const note = (stage: string, error: unknown): void => {
    failures.push(`${stage}: ${isGreenticError(error) ? `${error.code}: ${error.message}` : String(error)}`);
  };
  const nothing = {
    file,
    isInstantiated: false,
    isDescribed: false,
    callsOk: 0,
    ownErrors: [],
    failures,
    missing: [],
  };
  let info: ComponentInfo;
  try {
    info = inspectComponent(file.bytes);
  } catch (error) {
    // Refused by name is served: nobody runs asynchronous components yet.
    if (isGreenticError(error, "COMPONENT_ASYNC_UNSUPPORTED"))
      return { ...nothing, info: undefined, missing: ["WASI 0.3"] };
    note("inspect", error);
    return { ...nothing, info: undefined };
  }
  const links = linksOf(info, infos);
  const served = new Set(links.map((link) => link.interface));
  const missing = info.imports.filter((name) => !isHostInterface(name) && !served.has(name));
  try {
    await host.examine(file.bytes);
    for (const link of links) await host.examine(bytesOf(link.sha256));
    if (missing.length === 0) checkImports(info.imports, GRANTS, served);
  } catch (error) {
    const refused = isGreenticError(error, "COMPONENT_IMPORT_UNGRANTED") ? importsOf(error.details) : [];
    if (refused.length > 0 && !refused.some((name) => DOCUMENTED.test(name)))
      return { ...nothing, info, missing: refused };
    note("admit", error);
    return { ...nothing, info };
  }
  if (missing.length > 0) return { ...nothing, info, missing };
  if (info.abi !== "none") return { ...nothing, info, ...(await talk(host, info, { links, note, failures })) };
  try {
    instantiate(file.bytes);
    return { ...nothing, info, isInstantiated: true };
  } catch (error) {
    note("instantiate", error);
    return { ...nothing, info };
  }
}

/** Makes an instance of what nobody can call. */
function instantiate(bytes: Uint8Array): void {
  const refuse: HostFunction = {
    isAsync: false,
    call() {
      throw new Error("refused");
    },
  };
  using wasi = createWasi({ nowMs: Date.now, randomBytes: (count) => new Uint8Array(count) });
  linkComponent(parseComponent(bytes), (ref) => resolveWasi(ref) ?? refuse).instantiate({ wasi });
}

async function talk(
  host: ComponentHost,
  info: ComponentInfo,
  within: {
    readonly links: readonly ComponentLink[];
    readonly note: (stage: string, error: unknown) => void;
    readonly failures: string[];
  },
): Promise<Pick<Exercise, "isInstantiated" | "isDescribed" | "callsOk" | "ownErrors">> {
  const { links, note, failures } = within;
  let callsOk = 0;
  const ownErrors: string[] = [];
  const description = await host.describe(info.sha256, links).catch((error: unknown) => {
    if (isGreenticError(error) && OWN_BREAK.test(error.message)) ownErrors.push(`describe: ${error.message}`);
    else note("describe", error);
  });
  for (const call of deriveCalls(info, description ?? { operations: [], i18nKeys: [] })) {
    const result = await host.invoke(CTX, {
      ...call,
      sha256: info.sha256,
      component: "compat",
      grants: GRANTS,
      services: services(),
      links,
      timeoutMs: 20_000,
    });
    if (result.kind === "ok") callsOk++;
    else if (isOurs(result.error))
      failures.push(`call ${call.operation}: ${result.error.code}: ${result.error.message}`);
    else ownErrors.push(`call ${call.operation}: ${result.error.code}: ${result.error.message}`);
  }
  const isDescribed = description !== undefined;
  return { isInstantiated: isDescribed || callsOk > 0, isDescribed, callsOk, ownErrors };
}

function isOurs({ code, details }: OutcomeError): boolean {
  if (code !== "COMPONENT_TRAPPED") return OUR_CODES.includes(code);
  const reason = (details as { readonly reason?: string } | undefined)?.reason ?? "";
  return !OWN_TRAPS.includes(reason);
}

/** Links every import that another component exports, to the first that does. */
function linksOf(info: ComponentInfo, others: readonly ComponentInfo[]): readonly ComponentLink[] {
  return info.imports
    .filter((name) => !isHostInterface(name))
    .flatMap((name) => {
      const server = others.find((other) => other.sha256 !== info.sha256 && other.exports.includes(name));
      return server === undefined
        ? []
        : [{ interface: name, sha256: server.sha256, component: "linked", grants: GRANTS }];
    });
}

function importsOf(details: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const names = details?.["imports"] ?? [details?.["import"]];
  return Array.isArray(names) ? names.filter((name): name is string => typeof name === "string") : [];
}
