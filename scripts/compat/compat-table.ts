import type { Exercise } from "./exercise.ts";

const HEADS = [
  "family",
  "components",
  "inspected",
  "instantiated",
  "described",
  "calls ok",
  "calls own error",
  "failures",
];

/** Sums up by family, one row each and one for all. */
export function compatTable(exercises: readonly Exercise[]): string {
  const families = [...new Set(exercises.map(familyOf))].toSorted();
  const rows = families.map((family) =>
    row(
      family,
      exercises.filter((one) => familyOf(one) === family),
    ),
  );
  const cells = [HEADS, ...rows, row("all", exercises)];
  return formatTable(cells);
}

/** Lays out rows of cells, the first of them the heads. */
export function formatTable(cells: readonly (readonly string[])[]): string {
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  return cells
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    .join("\n");
}

function familyOf({ info }: Exercise): string {
  return info?.abi ?? "unreadable";
}

function row(name: string, of: readonly Exercise[]): readonly string[] {
  const count = (is: (one: Exercise) => boolean): number => of.filter(is).length;
  const sum = (pick: (one: Exercise) => number): number => of.reduce((total, one) => total + pick(one), 0);
  return [
    name,
    of.length,
    count(({ info }) => info !== undefined),
    count(({ isInstantiated }) => isInstantiated),
    count(({ isDescribed }) => isDescribed),
    sum(({ callsOk }) => callsOk),
    sum(({ ownErrors }) => ownErrors.length),
    sum(({ failures }) => failures.length),
  ].map(String);
}
