import type { ErrorTable } from "../error-kind.ts";

/** Codes of the oci layer. */
export const ociErrors = {
  OCI_REFERENCE_INVALID: {
    kind: "invalid_input",
    help: "Write oci://host[:port]/name[:tag][@sha256:…]; names are lower case, the tag has at most 128 characters.",
  },
  OCI_NOT_FOUND: {
    kind: "not_found",
    help: "Check the name and the tag; some registries say not found to those who may not read.",
  },
  OCI_AUTH_REQUIRED: {
    kind: "unauthenticated",
    help: "Log in with `docker login HOST`, or set GREENTIC_REGISTRY, GREENTIC_REGISTRY_USER and GREENTIC_REGISTRY_PASSWORD.",
  },
  OCI_AUTH_REFUSED: {
    kind: "unauthenticated",
    help: "The registry doesn't take this user and password; log in again.",
  },
  OCI_AUTH_REALM_REFUSED: {
    kind: "permission_denied",
    help: "Tokens are fetched over https alone, and over http from a registry that is plain http itself.",
  },
  OCI_ACCESS_DENIED: { kind: "permission_denied", help: "Ask the registry's owner for access to the repository." },
  OCI_CREDENTIALS_INVALID: {
    kind: "invalid_input",
    help: "Mend the Docker configuration that the message names, or the credential helper that it runs.",
  },
  OCI_DIGEST_MISMATCH: {
    kind: "permission_denied",
    help: "The content isn't what its digest promises: something between here and the publisher changed it. Nothing is kept.",
  },
  OCI_SIZE_MISMATCH: {
    kind: "permission_denied",
    help: "The content isn't as long as its descriptor promises: don't use this registry's copy. Nothing is kept.",
  },
  OCI_BODY_TOO_LARGE: {
    kind: "permission_denied",
    help: "The registry sends more than the size limit of what was asked for; use another registry, or a smaller pack.",
  },
  OCI_MANIFEST_INVALID: {
    kind: "invalid_input",
    help: "The manifest isn't an OCI or Docker v2 manifest; push the artifact again.",
  },
  OCI_ARTIFACT_UNSUPPORTED: {
    kind: "invalid_input",
    help: "The reference names something else than expected: packs are pushed by `gtc pack push`, components have one wasm layer.",
  },
  OCI_REDIRECT_REFUSED: {
    kind: "permission_denied",
    help: "Only blobs may be redirected, at most 5 times, to https; uploads and pages stay at the registry. Grant a storage or token server of your own network in network.private_addresses.",
  },
  OCI_RESPONSE_INVALID: {
    kind: "unavailable",
    help: "The registry doesn't follow the distribution specification here; check that the host is a registry.",
  },
  OCI_REGISTRY_UNAVAILABLE: {
    kind: "unavailable",
    help: "The registry can't be reached or broke off; plain http is for loopback and `registry.plain_http` alone.",
  },
  OCI_RATE_LIMITED: { kind: "rate_limited", help: "The registry asks for patience; try again later, or log in." },
  OCI_OFFLINE: {
    kind: "unavailable",
    help: "Pull it once while online, or unset `registry.offline` and GREENTIC_OFFLINE.",
  },
} as const satisfies ErrorTable;
