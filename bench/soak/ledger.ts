/** What a soak's people found: each answer that didn't come, came twice or was another, and how long answers took. */
export class Ledger {
  readonly counts = new Map<string, number>();
  /** The first of each kind of finding, in words. */
  readonly findings: string[] = [];
  lost = 0;
  doubled = 0;
  turns = 0;
  readonly #times = new Map<string, number[]>();

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  took(what: string, ms: number): void {
    this.turns++;
    this.count(`turns: ${what}`);
    const times = this.#times.get(what) ?? [];
    times.push(ms);
    this.#times.set(what, times);
  }

  /** Gives the shares of how long answers took since the last time it was asked. */
  takeTimes(): Readonly<Record<string, { readonly p50: number; readonly p99: number }>> {
    const shares = [...this.#times].map(([what, times]) => {
      times.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
      return [what, { p50: at(0.5), p99: at(0.99) }] as const;
    });
    this.#times.clear();
    return Object.fromEntries(shares);
  }

  /** Compares what came with what should have come, text by text. */
  compare(where: string, came: readonly string[], expected: readonly string[]): void {
    if (came.length === expected.length && came.every((text, i) => text === expected[i])) return;
    const left = new Map<string, number>();
    for (const text of expected) left.set(text, (left.get(text) ?? 0) + 1);
    let extra = 0;
    for (const text of came) {
      const count = left.get(text) ?? 0;
      if (count === 0) extra++;
      else left.set(text, count - 1);
    }
    const missing = [...left.values()].reduce((sum, count) => sum + count, 0);
    this.lost += missing;
    this.doubled += extra;
    const kind = missing > 0 ? "lost" : extra > 0 ? "doubled" : "out of order";
    const at = expected.findIndex((text, i) => came[i] !== text);
    const near = (texts: readonly string[]): string => JSON.stringify(texts.slice(Math.max(0, at - 1), at + 4));
    this.find(`${where}: ${kind}: ${near(came)} for ${near(expected)} at ${at} of ${expected.length}`);
  }

  find(finding: string): void {
    this.count(`finding: ${/^[\w ]+/.exec(finding)?.[0] ?? ""}`);
    if (this.findings.length >= 100) return;
    this.findings.push(finding);
    process.stderr.write(`${new Date().toISOString()} ${finding}\n`);
  }
}
