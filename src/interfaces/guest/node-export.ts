// What a component of greentic:component@0.6.0 exports, as its engine shows it: names in camel case, `option` null or the value,
// u64 a number, a variant { tag, val }; the error side of a result is thrown.
import type { QaMode } from "./setup.ts";

/** The caller of an operation, as the host tells it. */
interface WitTenantCtx {
  readonly tenantId: string;
  readonly teamId: string | null;
  readonly userId: string | null;
  readonly envId: string;
  readonly traceId: string;
  readonly correlationId: string;
  readonly deadlineMs: number;
  readonly attempt: number;
  readonly idempotencyKey: string | null;
  readonly i18nId: string;
}

export interface WitEnvelope {
  readonly ctx: WitTenantCtx;
  readonly flowId: string;
  readonly stepId: string;
  readonly componentId: string;
  readonly attempt: number;
  readonly payloadCbor: Uint8Array;
  readonly metadataCbor: Uint8Array | null;
}

export interface WitResult {
  readonly ok: boolean;
  readonly outputCbor: Uint8Array;
  readonly outputMetadataCbor: Uint8Array | null;
}

export interface WitNodeError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly backoffMs: number | null;
  readonly details: Uint8Array | null;
}

interface WitSchemaSource {
  readonly tag: "inline-cbor";
  readonly val: Uint8Array;
}

export interface WitIoSchema {
  readonly schema: WitSchemaSource;
  readonly contentType: string;
  readonly schemaVersion: string | null;
}

interface WitDescriptor {
  readonly name: string;
  readonly version: string;
  readonly summary: string | null;
  readonly capabilities: readonly string[];
  readonly ops: readonly {
    readonly name: string;
    readonly summary: string | null;
    readonly input: WitIoSchema;
    readonly output: WitIoSchema;
    readonly examples: readonly never[];
  }[];
  readonly schemas: readonly {
    readonly id: string;
    readonly contentType: string;
    readonly blake3Hash: string;
    readonly version: string;
    readonly bytes: Uint8Array | null;
    readonly uri: string | null;
  }[];
  readonly setup: {
    readonly qaSpec: WitSchemaSource;
    readonly answersSchema: WitSchemaSource;
    readonly examples: readonly never[];
    readonly outputs: readonly { readonly tag: "config-only" }[];
  } | null;
}

/** The exports of a component made with `defineComponent`. */
export interface NodeExport {
  readonly node: {
    describe(): WitDescriptor;
    invoke(operation: string, envelope: WitEnvelope): WitResult;
  };
  readonly componentQa: {
    qaSpec(mode: QaMode): Uint8Array;
    applyAnswers(mode: QaMode, currentConfig: Uint8Array, answers: Uint8Array): Uint8Array;
  };
  readonly componentI18n: { i18nKeys(): readonly string[] };
}
