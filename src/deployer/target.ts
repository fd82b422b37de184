import type { SchemaObject } from "ajv";
import type { OciClient } from "../oci/index.ts";
import type { EnvId, JsonObject, SourcePosition } from "../types/index.ts";
import type { RunProgram } from "./run-program.ts";

/** Where a bundle can be made to run. */
export type TargetName = "desktop" | "container" | "serverless" | "kubernetes";

/** Everything that rendering goes by: nothing else of the machine, and no clock. */
export interface Deployment {
  readonly name: string;
  readonly env: EnvId;
  /** The bundle's file or directory, absolute. */
  readonly bundle: string;
  /** The bundle as one file, built of it, and what is in it; only targets whose images hold it ask. */
  readonly packed: () => Promise<PackedBundle>;
  readonly image?: string;
  readonly publicBaseUrl?: string;
  readonly otlpEndpoint?: string;
  /** The operator's greentic.toml on this machine. */
  readonly configFile?: string;
  /** The operator's settings as they count in an image: `greentic.toml` and the public keys that it names. */
  readonly config: ReadonlyMap<string, string>;
  /** The secrets that the bundle needs, as `{env}.{tenant}.{team or _}.{category}.{name}`, in order; never their values. */
  readonly secrets: readonly string[];
  /** The target's table of deploy.toml, checked. */
  readonly table: JsonObject;
  /** Where a key of the target's table stands. */
  at(...path: readonly string[]): SourcePosition | undefined;
  /** Facts of this machine, which only the desktop is deployed to. */
  readonly machine: Machine;
}

/** A bundle as it goes into an image. */
export interface PackedBundle {
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly packs: readonly { readonly name: string; readonly version: string; readonly packHash: string }[];
}

export interface Machine {
  readonly platform: string;
  readonly home: string;
  /** The Node and the program that are running. */
  readonly node: string;
  readonly main: string;
  /** The package's root: what an image's runtime is copied from. */
  readonly root: string;
  readonly dataDir: string;
  /** The folder of the user's configuration, XDG_CONFIG_HOME or ~/.config. */
  readonly configHome: string;
}

/** Path below the out directory → text; in the order in which they are applied. */
export type RenderedFiles = ReadonlyMap<string, string>;

/** What is to become of what is there. */
export interface Transition {
  readonly deployment: Deployment;
  /** What was applied last; empty at first. */
  readonly before: RenderedFiles;
  readonly after: RenderedFiles;
  /** The directory with the files of `after`, as they were rendered. */
  readonly dir: string;
}

export interface TargetTools {
  readonly run: RunProgram;
  /** A client of the registry that an image goes to. */
  readonly registry?: () => OciClient;
  /** Layers without compression. */
  readonly isStored?: boolean;
  /** Says what is being done. */
  readonly tell: (line: string) => void;
}

/** A place to deploy to. Each has the same files in its folder: what may be set, what is rendered, what is carried out. */
export interface Target {
  readonly name: TargetName;
  /** The shape of its table in deploy.toml. */
  readonly schema: SchemaObject;
  /** Makes the files; the same for the same deployment. @throws DEPLOYER_SETTING_MISSING, DEPLOYER_SETTING_INVALID */
  render(deployment: Deployment): RenderedFiles | Promise<RenderedFiles>;
  /** Makes things as `after` says; safe to repeat. @throws DEPLOYER_PROGRAM_MISSING, DEPLOYER_PROGRAM_FAILED */
  apply(transition: Transition, tools: TargetTools): Promise<void>;
  /** Files that were applied and aren't any more as they were. */
  drift?(deployment: Deployment, files: RenderedFiles): Promise<readonly string[]>;
  /** Says how what was applied is doing, a line each. */
  status(deployment: Deployment, tools: TargetTools): Promise<readonly string[]>;
  /** What an operator has to see to beforehand: commands that make what the files refer to. */
  needs(deployment: Deployment): readonly string[];
}
