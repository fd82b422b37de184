import type { SecretHeader } from "../types/index.ts";

/**
 * What one component may reach; everything absent is denied. A pack's manifest asks for grants, the operator's policy can only
 * take away from them.
 */
export interface ComponentGrants {
  /** Origins that outbound HTTP may reach, `scheme://host[:port]`, `https://*.host` for one label. */
  readonly http: readonly string[];
  /** Names of secrets that it may read. */
  readonly secrets: readonly string[];
  /** Names of secrets that it may write; writing grants no reading. */
  readonly secretsWrite: readonly string[];
  /** Reads and writes of the session's state under the component's own prefix. */
  readonly state: "none" | "read" | "read-write";
  /** Names of tools that it may invoke. */
  readonly tools: readonly string[];
  /** Whether it may read the files of its own pack's assets. */
  readonly assets: boolean;
  /** Ids of the OAuth providers whose tokens it may ask for. */
  readonly oauth: readonly string[];
  /** Secrets that the host puts into headers of its requests; the component sees none of them. */
  readonly secretHeaders?: readonly SecretHeader[];
}

/** Grants nothing. */
export const NO_GRANTS: ComponentGrants = {
  http: [],
  secrets: [],
  secretsWrite: [],
  state: "none",
  tools: [],
  assets: false,
  oauth: [],
};
