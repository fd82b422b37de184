export type { CborHead } from "./cbor-head.ts";
export { readCborHead } from "./cbor-head.ts";
export { decodeCborJson, encodeCborJson } from "./cbor-json.ts";
export type { CborJsonLimits } from "./cbor-json.ts";
export type { ErrorKind, ErrorTable } from "./error-kind.ts";
export { exitCodeOf, httpStatusOf, isRetryable } from "./error-kind.ts";
export type { ErrorCode, ErrorOptions, SourcePosition } from "./errors.ts";
export { ERROR_CODES, GreenticError, isGreenticError, toGreenticError } from "./errors.ts";
export type {
  Actor,
  Attachment,
  ChannelMessageEnvelope,
  Destination,
  EnvelopeExtensions,
  EnvelopeTenant,
  ReplyScope,
  SuggestedAction,
} from "./envelope.ts";
export { checkEnvelope } from "./envelope.ts";
export type { Brand, ChannelId, ConversationId, EnvId, TeamId, TenantId, UserId } from "./ids.ts";
export { channelId, conversationId, DEFAULT_TEAM, envId, quote, teamId, tenantId, userId } from "./ids.ts";
export { IdleMap } from "./idle-map.ts";
export { maskValues } from "./mask-values.ts";
export type { JsonLimits, JsonObject, JsonValue } from "./json.ts";
export { isJsonObject, parseJson } from "./json.ts";
export { parseJsonPaced } from "./json-paced.ts";
export { decodeKeyToken, encodeKeyToken } from "./key-token.ts";
export type { Outcome, OutcomeError } from "./outcome.ts";
export type { Paced } from "./pace.ts";
export { nextTurn, Pace, runInTurns, runWhole } from "./pace.ts";
export type { AllowList, NetworkPolicy, Policy } from "./policy.ts";
export { DENY_ALL } from "./policy.ts";
export type { SecretHeader } from "./secret-header.ts";
export { SECRET_HOST, secretHeaderProblem } from "./secret-header.ts";
export type { SessionKey, SessionKeyText } from "./session-key.ts";
export { formatSessionKey, parseSessionKey } from "./session-key.ts";
export type { StateKey } from "./state-key.ts";
export { formatStateKey, stateKey } from "./state-key.ts";
export type { ProviderPace, ProviderRole, ProviderTraits, TraitsProblem } from "./provider-traits.ts";
export {
  DEFAULT_PROVIDER_TRAITS,
  findTraitsProblem,
  PROVIDER_KEYS,
  PROVIDER_ROLES,
  readTraits,
} from "./provider-traits.ts";
export { didYouMean } from "./suggest.ts";
export type { TenantCtx } from "./tenant-ctx.ts";
export { sessionCtx } from "./tenant-ctx.ts";
export type { World } from "./world.ts";
export { randomHex } from "./world.ts";
export { VERSION } from "./version.ts";
