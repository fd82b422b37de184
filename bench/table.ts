import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

const FILE = join(resolve(import.meta.dirname, ".."), "docs/performance.md");

/** One line of a table. */
export type Row = Readonly<Record<string, string | number>>;

/** Prints rows as a Markdown table. */
export function printTable(title: string, rows: readonly Row[]): void {
  console.log(tableMarkdown(title, rows));
}

/** Formats rows as a Markdown table. */
export function tableMarkdown(title: string, rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
  return [
    `### ${title}`,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ""))),
    "",
  ].join("\n");
}

/** Keeps tables in docs/performance.md, between the comments `<!-- NAME:` and `<!-- /NAME -->`. */
export function keepTables(name: string, tables: readonly (readonly [title: string, rows: readonly Row[]])[]): void {
  const page = readFileSync(FILE, "utf8");
  const start = page.indexOf("\n", page.indexOf(`<!-- ${name}:`)) + 1;
  const end = page.indexOf(`<!-- /${name} -->`);
  if (start === 0 || end < start) throw new Error(`Keep tables: ${FILE} has no section ${name}`);
  const measured = `Measured on ${availableParallelism()} shared processors, Node ${process.versions.node}.`;
  const text = tables.map(([title, rows]) => tableMarkdown(title, rows)).join("\n");
  writeFileSync(FILE, `${page.slice(0, start)}\n${measured}\n\n${text}\n${page.slice(end)}`);
}
