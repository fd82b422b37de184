import type { SchemaObject } from "ajv";
import { GreenticError, quote } from "../../types/index.ts";
import type { Target, TargetName } from "../target.ts";
import { container } from "./container/apply.ts";
import { desktop } from "./desktop/apply.ts";
import { kubernetes } from "./kubernetes/apply.ts";
import { serverless } from "./serverless/apply.ts";

/** Every place to deploy to. */
const TARGETS: readonly Target[] = [desktop, container, serverless, kubernetes];

/** The tables of deploy.toml that targets have. */
export const TARGET_SCHEMAS: Readonly<Record<string, SchemaObject>> = Object.fromEntries(
  TARGETS.map(({ name, schema }) => [name, schema]),
);

/** The names of the targets. */
export const TARGET_NAMES: readonly TargetName[] = TARGETS.map(({ name }) => name);

/** Finds a target by its name. @throws DEPLOYER_TARGET_UNKNOWN */
export function findTarget(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined)
    throw new GreenticError(
      "DEPLOYER_TARGET_UNKNOWN",
      `Deploy: expected a target of ${TARGET_NAMES.join(", ")}, got ${quote(name)}`,
    );
  return found;
}
