import type { JsonObject, JsonValue } from "../../types/index.ts";

/** Which generation of the public tools wrote a pack; `tar` is the form of deployment packs. */
type PublicGeneration = "g1" | "g2" | "g3" | "tar";

/** What a public manifest says, whichever generation wrote it, its symbols resolved to names. */
export interface PublicManifest {
  readonly generation: PublicGeneration;
  /** As written, for example `greentic.helpdesk-itsm.demo`. */
  readonly packId: string;
  readonly title: string | undefined;
  readonly version: string;
  /** application, provider, infrastructure or library; providers often call themselves application. */
  readonly kind: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly components: readonly PublicComponent[];
  readonly flows: readonly PublicFlow[];
  readonly dependencies: readonly { readonly packId: string; readonly req: string }[];
  /** Names such as `host:state:write`. */
  readonly capabilities: readonly string[];
  readonly secrets: readonly PublicSecret[];
  readonly extensions: ReadonlyMap<string, PublicExtension>;
  /** Signatures that the manifest itself carries. */
  readonly signatures: readonly JsonObject[];
}

export interface PublicComponent {
  readonly id: string;
  readonly version: string | undefined;
  /** A hint; its exports decide. */
  readonly world: string;
  /** `wasi` and `host` as declared; undefined where nothing is. */
  readonly capabilities: JsonObject | undefined;
  readonly operations: readonly string[];
  readonly configSchema: JsonValue;
  /** Flows that ask for its configuration, as flow documents, by name. */
  readonly configFlows: ReadonlyMap<string, JsonValue>;
  /** Where the manifest names the file itself (2025). */
  readonly wasmPath: string | undefined;
}

export interface PublicFlow {
  readonly id: string;
  readonly kind: string;
  /** Compiled in the manifest, or the files that hold it. */
  readonly source:
    | { readonly kind: "embedded"; readonly flow: JsonObject }
    | { readonly kind: "filed"; readonly json: string | undefined; readonly yaml: string | undefined };
}

export interface PublicSecret {
  readonly key: string;
  readonly required: boolean;
}

export interface PublicExtension {
  readonly version: string | undefined;
  readonly inline: JsonValue;
}
