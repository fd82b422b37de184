import type { JsonValue } from "../../../types/index.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";

/** How long a call's answer is kept for a repetition of it; calls that wait for a person are continued by new ones. */
const DEDUPE_TTL_MS = 24 * 3_600_000;

/** The channel of programs that call flows over the Model Context Protocol: each call is a conversation, its turn's report the answer. */
export function createMcpProvider(address: ChannelAddress): Provider {
  return {
    type: "mcp",
    address,
    delivery: { kind: "answer" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    isOneOff: true,
    project: (message) => [message as unknown as JsonValue],
  };
}
