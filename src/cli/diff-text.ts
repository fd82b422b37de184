const CONTEXT = 3;

/** The difference of two texts as a unified diff of one hunk; empty where there is none. */
export function diffText(name: string, { before, after }: { readonly before: string; readonly after: string }): string {
  if (before === after) return "";
  const a = linesOf(before);
  const b = linesOf(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const from = Math.max(0, start - CONTEXT);
  const tail = Math.min(end, CONTEXT);
  const rows = [
    ...a.slice(from, start).map((line) => ` ${line}`),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end, a.length - end + tail).map((line) => ` ${line}`),
  ];
  const oldCount = a.length - end + tail - from;
  const newCount = b.length - end + tail - from;
  const at = (count: number): string => `${count === 0 ? from : from + 1},${count}`;
  return `--- ${name}\n+++ ${name}\n@@ -${at(oldCount)} +${at(newCount)} @@\n${rows.map((row) => `${row}\n`).join("")}`;
}

/** More cells than this aren't compared: all is taken out and put in. */
const MAX_CELLS = 4_000_000;

/** The longest common lines stay, the others go and come. */
function middle(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.length * b.length > MAX_CELLS) return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
  const rows: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      rows.push(` ${a[i++] ?? ""}`);
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    )
      rows.push(`-${a[i++] ?? ""}`);
    else rows.push(`+${b[j++] ?? ""}`);
  }
  return rows;
}

function linesOf(text: string): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}
