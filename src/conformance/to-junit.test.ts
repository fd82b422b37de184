import fc from "fast-check";
import { expect, test } from "vitest";
import { checkJunit, readXml } from "../../test/stand-ins/junit-reader.ts";
import { verifies } from "../../test/verifies.ts";
import type { ConformanceReport } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";
import { toJunit } from "./to-junit.ts";

/** A text as XML 1.0 can carry it. */
const carried = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- what XML forbids
  text.toWellFormed().replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD");

const HOSTILE = `"/><system-out>&lt;![CDATA[ ]]> <!-- '\u0000\u001b[31m\ud800 \n\t-->&#0;`;

test("toJunit() is well-formed and keeps every text, however a target, a case or a reason is called", () => {
  verifies("conformance.suites");
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constant(HOSTILE), fc.string());
  fc.assert(
    fc.property(text, text, text, (target, title, reason) => {
      const report: ConformanceReport = {
        suite: "flow",
        target,
        ok: false,
        cases: [
          { id: "flow.a", title, status: "pass", durationMs: 1234 },
          { id: "flow.b", title, status: "fail", reason, durationMs: 1 },
          { id: "flow.c", title, status: "skip", reason, durationMs: 0 },
        ],
      };
      const root = readXml(toJunit([report]));
      checkJunit(root);
      const [suite] = root.children;
      expect(suite?.attributes).toEqual({
        name: carried(`flow ${target}`),
        tests: "3",
        failures: "1",
        errors: "0",
        skipped: "1",
        time: "1.235",
      });
      const [passed, failed, skipped] = suite?.children ?? [];
      expect(passed?.attributes).toEqual({
        classname: "greentic.conformance.flow",
        name: carried(`flow.a: ${title}`),
        time: "1.234",
      });
      expect(passed?.children).toEqual([]);
      expect(failed?.children).toMatchObject([
        { name: "failure", attributes: { message: carried(reason) }, text: carried(reason) },
      ]);
      expect(skipped?.children).toMatchObject([{ name: "skipped", attributes: { message: carried(reason) } }]);
    }),
  );
});

test("the reader of this test refuses what isn't well-formed", () => {
  verifies("conformance.suites");
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  for (const bad of ["<a>", "<a></b>", "<a>&</a>", '<a b="<"/>', "<a/><a/>", "<a>\u0001</a>", '<a b="&nope;"/>'])
    expect(() => readXml(`${head}${bad}`)).toThrow();
  expect(readXml(`${head}<a b="&amp;">x</a>`)).toMatchObject({ name: "a", attributes: { b: "&" }, text: "x" });
});

test("the reader of this test refuses what Jenkins' schema does", () => {
  verifies("conformance.suites");
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  const suite = (inner: string, time = "1.000"): string =>
    `${head}<testsuites><testsuite name="a" tests="1" failures="0" errors="0" time="${time}">${inner}</testsuite></testsuites>`;
  checkJunit(readXml(suite('<testcase name="a" classname="b" time="0.100"><skipped message="m"/></testcase>')));
  for (const bad of [
    `${head}<testsuite name="a" tests="0" failures="0" errors="0"/>`,
    suite('<testcase classname="b"/>'),
    suite('<testcase name="a" status="b"/>'),
    suite('<testcase name="a">words</testcase>'),
    suite('<testcase name="a"><reason/></testcase>'),
    suite("", "soon"),
  ])
    expect(() => checkJunit(readXml(bad)), bad).toThrow();
});

test("runSuite() makes a failure of what a case throws, goes on, and is ok only where something passed", async () => {
  verifies("conformance.suites");
  const specs = [
    { id: "a", title: "A", judge: () => PASS },
    { id: "b", title: "B", judge: () => Promise.reject(new Error(`dies ${HOSTILE}`)) },
    { id: "c", title: "C", judge: () => failIfAny(["x".repeat(5_000)]) },
    { id: "d", title: "D", judge: () => skip("not today") },
  ];
  const report = await runSuite("pack", "p", specs);
  expect(report.ok).toBe(false);
  expect(report.cases.map(({ status }) => status)).toEqual(["pass", "fail", "fail", "skip"]);
  expect(report.cases[1]?.reason).not.toMatch(/[\u0000\u001b]/);
  expect(report.cases[2]?.reason?.length).toBe(2_001);
  const left = specs.slice(3);
  expect([(await runSuite("pack", "p", left)).ok, (await runSuite("pack", "p", [])).ok]).toEqual([false, false]);
  expect((await runSuite("pack", "p", [...specs.slice(0, 1), ...left])).ok).toBe(true);
  expect(fail("x")).toEqual({ status: "fail", reason: "x" });
});
