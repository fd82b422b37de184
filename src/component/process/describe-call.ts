import { ERROR_CODES, envId, GreenticError, isJsonObject, teamId, tenantId } from "../../types/index.ts";
import type { ErrorCode, JsonObject, JsonValue, TenantCtx } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import type {
  ComponentCall,
  ComponentDescription,
  ComponentLink,
  ComponentResult,
  DescribedOperation,
  HostServices,
} from "../host.ts";

const DESCRIBE_TIMEOUT_MS = 5000;
const MAX_OPERATIONS = 1000;

/** Describing is nobody's work: it has a tenant of its own, which owns nothing. */
export const DESCRIBE_CTX: TenantCtx = {
  env: envId("host"),
  tenant: tenantId("describe"),
  team: teamId("default"),
  traceId: "0".repeat(32),
  correlationId: "describe",
  attempt: 1,
  locale: "en",
};

const refuse = (): Promise<never> =>
  Promise.reject(new GreenticError("COMPONENT_IMPORT_UNGRANTED", "Describe: denied"));

// Without grants none of them is called; they stand here so that nothing else could be.
const NO_SERVICES: HostServices = {
  http: refuse,
  secret: refuse,
  stateRead: refuse,
  stateWrite: refuse,
  stateDelete: refuse,
  tool: refuse,
  asset: refuse,
  log: () => undefined,
};

/** Makes the call that asks a component what it is. */
function describeCall(sha256: string, links: readonly ComponentLink[] | undefined): ComponentCall {
  return {
    sha256,
    component: "describe",
    operation: "",
    input: null,
    grants: NO_GRANTS,
    services: NO_SERVICES,
    timeoutMs: DESCRIBE_TIMEOUT_MS,
    ...(links === undefined ? {} : { links: links.map((link) => ({ ...link, grants: NO_GRANTS })) }),
  };
}

/** Keeps what components said of themselves by their hashes; what failed is asked again. */
export class DescriptionCache {
  readonly #known = new Map<string, Promise<ComponentDescription>>();

  get(
    sha256: string,
    links: readonly ComponentLink[] | undefined,
    ask: (call: ComponentCall) => Promise<ComponentResult>,
  ): Promise<ComponentDescription> {
    const key = [sha256, ...(links ?? []).map((link) => `${link.interface}=${link.sha256}`)].join(" ");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const asked = ask(describeCall(sha256, links)).then(readDescription);
    this.#known.set(key, asked);
    asked.catch(() => this.#known.delete(key));
    return asked;
  }
}

/** Reads a description that crossed a process: exact fields, whatever the guest made of them. */
function readDescription(result: ComponentResult): ComponentDescription {
  if (result.kind === "error") {
    const { code, message } = result.error;
    throw new GreenticError(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "COMPONENT_FAILED", message);
  }
  const { output } = result;
  if (!isJsonObject(output) || !Array.isArray(output["operations"])) throw unreadable();
  const { operations, i18nKeys } = output as JsonObject & { readonly operations: readonly JsonValue[] };
  return {
    ...texts(output, ["name", "version", "summary"]),
    operations: operations.slice(0, MAX_OPERATIONS).map(readOperation),
    ...values(output, ["configSchema", "setup"]),
    i18nKeys: Array.isArray(i18nKeys) ? i18nKeys.filter((key): key is string => typeof key === "string") : [],
  };
}

function readOperation(value: JsonValue): DescribedOperation {
  if (!isJsonObject(value) || typeof value["name"] !== "string") throw unreadable();
  return {
    name: value["name"],
    ...texts(value, ["summary"]),
    ...values(value, ["inputSchema", "outputSchema"]),
  };
}

function texts(record: JsonObject, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names
      .map((name) => [name, record[name]])
      .filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function values(record: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.map((name) => [name, record[name]]).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}

function unreadable(): GreenticError {
  return new GreenticError("COMPONENT_OUTPUT_INVALID", "Describe component: its description has no operations");
}
