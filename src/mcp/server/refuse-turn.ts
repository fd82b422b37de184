import { GreenticError } from "../../types/index.ts";
import type { Sdk } from "./sdk.ts";

/** Refuses a request whose results have no place for errors: an error of ours becomes one of the protocol, with its code. */
export function refuseTurn(sdk: Sdk, error: unknown): never {
  if (!(error instanceof GreenticError)) throw error;
  const isTold = error.kind === "invalid_input" || error.kind === "not_found";
  throw new sdk.ProtocolError(
    error.kind === "invalid_input" ? sdk.ProtocolErrorCode.InvalidParams : sdk.ProtocolErrorCode.InternalError,
    isTold ? `${error.message} (${error.code})` : error.code,
    { code: error.code },
  );
}
