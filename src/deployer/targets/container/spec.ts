import type { SchemaObject } from "ajv";
import type { Deployment } from "../../target.ts";

/** `[container]` of deploy.toml. */
export const containerSchema: SchemaObject = {
  type: "object",
  additionalProperties: false,
  properties: {
    port: { type: "integer", minimum: 1, maximum: 65_535 },
    address: { type: "string", pattern: "^[0-9a-fA-F.:]+$" },
    memory: { type: "string", pattern: "^[0-9]+[kmg]$" },
    base: { type: "string", pattern: "^[a-z0-9][a-zA-Z0-9./:@_-]{0,511}$" },
    push: { type: "boolean" },
  },
};

/** What the image and the container are made of. */
export interface ContainerSettings {
  readonly port: number;
  readonly address: string;
  readonly memory: string;
  /** The Containerfile's base: glibc and the C++ library, no shell. */
  readonly base: string;
  /** Whether applying sends the image where `image` says. */
  readonly isPushed: boolean;
}

/** The base that brings what Node links to and nothing else. */
const BASE_IMAGE = "gcr.io/distroless/cc-debian12:nonroot";

/** Gives the table its defaults. */
export function readContainer({ table }: Deployment): ContainerSettings {
  return {
    port: (table["port"] as number | undefined) ?? 8080,
    address: (table["address"] as string | undefined) ?? "127.0.0.1",
    memory: (table["memory"] as string | undefined) ?? "2g",
    base: (table["base"] as string | undefined) ?? BASE_IMAGE,
    isPushed: table["push"] === true,
  };
}
