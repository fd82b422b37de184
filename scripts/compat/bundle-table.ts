import type { BundleExercise } from "./exercise-bundle.ts";
import { formatTable } from "./compat-table.ts";

const HEADS = [
  "bundle",
  "form",
  "apps",
  "channels",
  "maps",
  "closed",
  "packs",
  "placeholders",
  "remote",
  "as unsquashfs",
  "failures",
];

/** One row for each bundle. */
export function bundleTable(exercises: readonly BundleExercise[]): string {
  return formatTable([HEADS, ...exercises.map(rowOf)]);
}

function rowOf({
  name,
  bundle,
  files,
  isSame,
  closed,
  packs,
  placeholders,
  remote,
  failures,
}: BundleExercise): string[] {
  const form = bundle === undefined ? "unreadable" : bundle.files.isImage ? "image" : "directory";
  return [
    name.split("/").at(-1) ?? name,
    form,
    String(bundle?.apps.length ?? 0),
    String(bundle?.providers.length ?? 0),
    String(bundle?.access?.length ?? 0),
    String(closed),
    String(packs.length),
    String(placeholders),
    String(remote),
    isSame === undefined ? "" : `${isSame ? "same" : "differs"} (${files} files)`,
    String(failures.length),
  ];
}
