import type { PackExercise } from "./exercise-pack.ts";
import { formatTable } from "./compat-table.ts";

const HEADS = [
  "pack",
  "form",
  "kind",
  "signature",
  "sbom",
  "lock",
  "hashes",
  "flows",
  "empty",
  "compiled",
  "ends of first turns",
  "failures",
];

/** One row for each pack, and one for all. */
export function packTable(exercises: readonly PackExercise[]): string {
  const sum = (pick: (one: PackExercise) => number): string =>
    String(exercises.reduce((total, one) => total + pick(one), 0));
  const rows = exercises.map(({ name, report, flows, emptyFlows, compiled, ends, failures }) => [
    name.split("/").at(-1) ?? name,
    report.generation ?? "unreadable",
    report.kind ?? "",
    report.signature.status,
    verdict(report.sbom),
    verdict(report.lock),
    verdict(report.contentHashes),
    String(flows),
    String(emptyFlows),
    String(compiled),
    [...ends].map(([end, times]) => `${times} ${end}`).join(", "),
    String(failures.length),
  ]);
  const all = [
    `all ${exercises.length}`,
    ...Array.from({ length: 6 }, () => ""),
    sum(({ flows }) => flows),
    sum(({ emptyFlows }) => emptyFlows),
    sum(({ compiled }) => compiled),
    `${sum(({ ends }) => [...ends.values()].reduce((total, times) => total + times, 0))} started`,
    sum(({ failures }) => failures.length),
  ];
  return formatTable([HEADS, ...rows, all]);
}

function verdict(listing: { readonly status: string; readonly mismatches: readonly string[] } | undefined): string {
  if (listing === undefined) return "";
  return listing.status === "mismatch" ? `${listing.mismatches.length} differ` : listing.status;
}
