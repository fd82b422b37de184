import type { HashedContent } from "../content-hasher.ts";
import type { PackFinding } from "../report.ts";

/** A public archive whose every entry was read once within the limits and hashed. */
export interface PublicArchive {
  readonly container: "zip" | "tar";
  /** By path; manifest.cbor is among them. */
  readonly contents: ReadonlyMap<string, HashedContent>;
  /** What the strict profile would refuse and does no harm. */
  readonly findings: readonly PackFinding[];
}
