import type { Config, Environment } from "../config/index.ts";
import type { SecretReader, SecretWriter } from "../secrets/index.ts";
import { readAs, writeAs } from "../secrets/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import { auditOnDemand, watchSecrets, watchWrites } from "./open-audit.ts";
import { secretReader, secretWriter } from "./secret-stores.ts";

/** The secrets that a command reads and keeps, on record in the name of whoever runs it. */
export interface CommandSecrets extends AsyncDisposable {
  readonly secrets: SecretReader;
  readonly writer: SecretWriter;
  readonly audit: AuditLog;
}

const ACTOR = "operator:cli";

/** Opens the secrets of a command; closing writes what is to be on record. */
export function commandSecrets(config: Config, environment: Environment): CommandSecrets {
  const audit = auditOnDemand(config);
  return {
    secrets: readAs(watchSecrets(secretReader(config, environment), audit), ACTOR),
    writer: writeAs(watchWrites(secretWriter(config), audit), ACTOR),
    audit,
    [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose](),
  };
}
