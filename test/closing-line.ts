import type { Reporter, TestModule } from "vitest/node";

/** Closes a run with the one line that machines read: "N passed, N failed, N skipped", counted from what ran. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    // What nobody caught fails the run too.
    const counts = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state]++;
      // A file that couldn't be loaded has no test that could tell.
      if (module.state() === "failed" && module.errors().length > 0) counts.failed++;
    }
    const { passed, failed, skipped } = counts;
    process.stdout.write(`\n${passed} passed, ${failed + counts.pending} failed, ${skipped} skipped\n`);
  }
}
