/** Reads JUnit XML as strictly as its readers might, for tests of what writes it. */

/** An element of XML. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Reads the little of XML 1.0 that reports are made of, and throws for anything that isn't well-formed. */
export function readXml(xml: string): Element {
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

/** The elements that reports have, by the schema by which Jenkins' xUnit plugin judges them, junit-10.xsd. */
const GRAMMAR: Readonly<Record<string, Rule>> = {
  testsuites: { required: [], optional: ["name", "time", "tests", "failures", "errors"], children: ["testsuite"] },
  testsuite: {
    required: ["name", "tests", "failures", "errors"],
    optional: ["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"],
    children: ["testsuite", "properties", "testcase", "system-out", "system-err"],
  },
  testcase: {
    required: ["name"],
    optional: ["time", "classname", "group"],
    children: ["skipped", "error", "failure", "system-out", "system-err"],
  },
  failure: { required: [], optional: ["type", "message"], children: [], isText: true },
  skipped: { required: [], optional: ["type", "message"], children: [], isText: true },
};

interface Rule {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly children: readonly string[];
  /** Whether it may hold text. */
  readonly isText?: true;
}

const TIME = /^(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d*)?$/;

/** Throws where a document isn't JUnit XML, or its counts aren't those of its cases. */
export function checkJunit(root: Element): void {
  if (root.name !== "testsuites") throw new Error(`the root is ${root.name}`);
  checkElement(root);
}

function checkElement({ name, attributes, children, text }: Element): void {
  const rule = GRAMMAR[name];
  if (rule === undefined) throw new Error(`no rule for ${name}`);
  const missing = rule.required.filter((one) => !Object.hasOwn(attributes, one));
  const unknown = Object.keys(attributes).filter((one) => ![...rule.required, ...rule.optional].includes(one));
  const strangers = children.filter((child) => !rule.children.includes(child.name)).map((child) => child.name);
  if (missing.length + unknown.length + strangers.length > 0)
    throw new Error(`${name}: without ${missing.join()}, with ${unknown.join()}, around ${strangers.join()}`);
  if (rule.isText !== true && text.trim() !== "") throw new Error(`${name} holds text`);
  if (!TIME.test(attributes["time"] ?? "")) throw new Error(`${name} takes ${attributes["time"]}`);
  if (name === "testsuite") checkCounts(attributes, children);
  for (const child of children) checkElement(child);
}

function checkCounts(attributes: Element["attributes"], cases: readonly Element[]): void {
  const count = (name: string): number =>
    cases.flatMap(({ children }) => children).filter((one) => one.name === name).length;
  const found = { tests: cases.length, failures: count("failure"), skipped: count("skipped") };
  for (const [name, number] of Object.entries(found))
    if (attributes[name] !== undefined && Number(attributes[name]) !== number)
      throw new Error(`${name} is ${attributes[name]} of ${number}`);
}
