import type { ChannelType } from "../config/index.ts";
import { PROVIDERS } from "../messaging/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** A channel that `init` can set up. */
export interface Connector {
  /** The documents' name, `messaging.telegram`. */
  readonly id: string;
  readonly type: ChannelType;
  /** Secrets that it can't work without, kept under the category of its channel's name. */
  readonly secrets: readonly string[];
}

export const CONNECTORS: readonly Connector[] = PROVIDERS.map(({ type, domain = "messaging", secrets }) => ({
  id: `${domain}.${type}`,
  type,
  secrets: secrets.filter(({ isRequired }) => isRequired === true).map(({ name }) => name),
}));

/** Finds a connector by its documented name, with or without `messaging.`. @throws DEPLOYER_CONNECTOR_UNKNOWN */
export function findConnector(name: string): Connector {
  const found = CONNECTORS.find((connector) => connector.id === name || connector.type === name);
  if (!found)
    throw new GreenticError("DEPLOYER_CONNECTOR_UNKNOWN", `Set up connector: no connector is named ${quote(name)}`);
  return found;
}
