import type { RequestStateCodec, ServerContext } from "@modelcontextprotocol/server";
import { GreenticError } from "../../types/index.ts";
import type { Sdk } from "./sdk.ts";

/** Where a call stands that waits: its conversation, the offer that it began with, and how often it was answered. */
export interface CallState {
  readonly conversation: string;
  readonly offer: string;
  readonly round: number;
  /** How many nodes ran so far: what progress tells only ever grows. */
  readonly nodes: number;
  /** Whether the offer lets its callers see what it logs. */
  readonly logs?: boolean;
}

/** How long a waiting flow can be continued: as long as sessions are remembered. */
const TTL_SECONDS = 30 * 86_400;

/** Seals and opens session handles. A handle is all that lets a caller continue a flow: it names one turn and can't be made up. */
export class SessionHandles {
  readonly #codec: RequestStateCodec<CallState>;

  constructor(sdk: Sdk, key: Uint8Array) {
    this.#codec = sdk.createRequestStateCodec<CallState>({ key, ttlSeconds: TTL_SECONDS });
  }

  seal(state: CallState): Promise<string> {
    return this.#codec.mint(state);
  }

  /** @throws MCP_SESSION_INVALID */
  async open(handle: string, ctx: ServerContext): Promise<CallState> {
    try {
      return await this.#codec.verify(handle, ctx);
    } catch (error) {
      throw new GreenticError(
        "MCP_SESSION_INVALID",
        "Continue session: the handle isn't one of this server's, or is too old",
        {
          cause: error,
        },
      );
    }
  }
}
