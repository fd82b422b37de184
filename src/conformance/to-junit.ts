// JUnit XML, as Jenkins, GitLab and GitHub read it:
//   testsuites > testsuite(name, tests, failures, skipped, time) > testcase(classname, name, time) > failure | skipped (message)
import type { ConformanceReport } from "./report.ts";

/** Writes reports as JUnit XML; whatever a target is called, the result is well-formed. */
export function toJunit(reports: readonly ConformanceReport[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${reports.map(suiteOf).join("")}</testsuites>\n`;
}

function suiteOf({ suite, target, cases }: ConformanceReport): string {
  const count = (status: string): string => String(cases.filter((one) => one.status === status).length);
  const head = attributes({
    name: `${suite} ${target}`,
    tests: String(cases.length),
    failures: count("fail"),
    errors: "0",
    skipped: count("skip"),
    time: seconds(cases.reduce((sum, one) => sum + one.durationMs, 0)),
  });
  const lines = cases.map(({ id, title, status, reason = "", durationMs }) => {
    const open = `    <testcase${attributes({ classname: `greentic.conformance.${suite}`, name: `${id}: ${title}`, time: seconds(durationMs) })}`;
    if (status === "pass") return `${open}/>\n`;
    const inner =
      status === "fail"
        ? `<failure${attributes({ message: reason })}>${escape(reason)}</failure>`
        : `<skipped${attributes({ message: reason })}/>`;
    return `${open}>${inner}</testcase>\n`;
  });
  return `  <testsuite${head}>\n${lines.join("")}  </testsuite>\n`;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escape(value)}"`)
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Escapes for attributes and texts; what XML 1.0 has no way to write, controls and lone surrogates, becomes U+FFFD. @see XML 1.0 §2.2 */
function escape(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- these are the characters that XML forbids
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
      .replace(/[&<>"'\t\n\r]/g, (char) => ENTITIES[char] ?? char)
  );
}
