import { canonicalSecretName } from "../../../secrets/index.ts";
import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

type SecretRequest = Extract<HostRequest, { kind: "secret" | "secret-write" }>;

const MAX_NAME = 128;
const MAX_VALUE_BYTES = 64 << 10;

/**
 * Reads or writes a secret that the guest was granted by name, undefined where there is none. Names are compared as they are
 * stored: components spell them as their own platforms do.
 */
export async function answerSecret(request: SecretRequest, { ctx, grants, services }: CallScope): Promise<HostAnswer> {
  const isWrite = request.kind === "secret-write";
  if (!isName(request.name)) return fault("invalid", "the name isn't that of a secret");
  const asked = canonicalSecretName(request.name);
  const granted = (isWrite ? grants.secretsWrite : grants.secrets).find((name) => canonicalSecretName(name) === asked);
  if (granted === undefined) {
    services.secretDenied?.(ctx, { name: asked, isWrite });
    return fault("denied", "the secret isn't granted");
  }
  if (!isWrite) return { kind: "ok", value: await services.secret(ctx, granted) };
  if (!(request.value instanceof Uint8Array)) return fault("invalid", "the value isn't bytes");
  if (request.value.byteLength > MAX_VALUE_BYTES) return fault("invalid", "the value is larger than 64 KiB");
  if (services.secretWrite === undefined) return fault("denied", "secrets can't be written here");
  await services.secretWrite(ctx, granted, request.value);
  return { kind: "ok", value: undefined };
}

function isName(name: unknown): name is string {
  return (
    typeof name === "string" && name.trim() !== "" && name.length <= MAX_NAME && !/[\u0000-\u001f\u007f]/.test(name)
  );
}
