import fc from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ConformanceReport } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";
import { toJunit } from "./to-junit.ts";

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Reads the little of XML 1.0 that reports are made of, and throws for anything that isn't well-formed. */
function readXml(xml: string): Element {
  // oxlint-disable-next-line no-control-regex -- XML 1.0 §2.2, Char
  if (!/^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u.test(xml))
    throw new Error("a character that XML forbids");
  const declared = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/.exec(xml);
  if (declared === null) throw new Error("no declaration");
  const top: Element = { name: "", attributes: {}, children: [], text: "" };
  const open: Element[] = [top];
  let at = declared[0].length;
  const plain = (raw: string): string => {
    if (/[<]/.test(raw) || /&(?!(?:amp|lt|gt|quot|apos|#\d+);)/.test(raw)) throw new Error(`unescaped in ${raw}`);
    return raw.replace(/&(#?)(\w+);/g, (_, isCode: string, name: string) =>
      isCode === "#" ? String.fromCodePoint(Number(name)) : (NAMED[name] ?? ""),
    );
  };
  while (at < xml.length) {
    const tag = /^<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/.exec(xml.slice(at));
    const last = open.at(-1) ?? top;
    if (tag === null) {
      const end = xml.indexOf("<", at);
      if (end === at) throw new Error(`no tag at ${at}`);
      last.text += plain(xml.slice(at, end === -1 ? undefined : end));
      at = end === -1 ? xml.length : end;
      continue;
    }
    const [whole, close, name = "", attributes = "", isEmpty] = tag;
    at += whole.length;
    if (close === "/") {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another`);
      continue;
    }
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(
      ([, key = "", raw = ""]) => [key, plain(raw)] as const,
    );
    const element: Element = { name, attributes: Object.fromEntries(pairs), children: [], text: "" };
    last.children.push(element);
    if (isEmpty !== "/") open.push(element);
  }
  if (open.length !== 1 || top.children.length !== 1) throw new Error("not one root");
  return top.children[0] as Element;
}

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
      const [suite] = readXml(toJunit([report])).children;
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
