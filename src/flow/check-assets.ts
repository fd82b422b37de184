import type { SourcePosition } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { checkCard, isAdaptiveCard } from "./check-card.ts";
import type { FlowFinding } from "./finding.ts";
import { Findings } from "./finding.ts";
import { compileJsonTemplate } from "./json-template.ts";
import { readYaml } from "./read-yaml.ts";
import type { TemplateReference } from "./template-expression.ts";
import { compileTemplate } from "./template.ts";
import type { I18nBundles } from "./translator.ts";

/** The texts of a pack, by path. */
export type TextFiles = ReadonlyMap<string, string>;

/** What doctor says of one file of a pack that is no flow. */
export interface AssetCheck {
  readonly file: string;
  readonly findings: readonly FlowFinding[];
}

/** Checks templates (`*.hbs`) and cards (`*.json` that say that they are one): their syntax, their structure and their texts. */
export function checkAssets(assets: TextFiles, i18n: I18nBundles): readonly AssetCheck[] {
  const checks: AssetCheck[] = [];
  for (const [file, text] of assets) {
    const findings = new Findings();
    if (file.endsWith(".hbs")) checkTemplateFile({ file, text, i18n }, findings);
    else if (file.endsWith(".json") && text.includes("AdaptiveCard")) checkCardFile({ file, text, i18n }, findings);
    if (findings.list.length > 0) checks.push({ file, findings: findings.list });
  }
  return checks;
}

interface AssetFile {
  readonly file: string;
  readonly text: string;
  readonly i18n: I18nBundles;
}

function checkTemplateFile(asset: AssetFile, findings: Findings): void {
  const at = { file: asset.file, line: 1, column: 1 };
  try {
    checkTexts(compileTemplate(asset.text, at).references, asset, findings);
  } catch (error) {
    findings.addThrown(error, { at });
  }
}

function checkCardFile(asset: AssetFile, findings: Findings): void {
  const { file, text } = asset;
  const start = { file, line: 1, column: 1 };
  let card: JsonValue;
  try {
    card = parseJson(text);
  } catch (error) {
    if (!(error instanceof GreenticError)) throw error;
    findings.add("FLOW_CARD_INVALID", "Read card: not JSON", { at: error.at ?? start });
    return;
  }
  if (!isAdaptiveCard(card)) return;
  // JSON is YAML for this purpose; where it isn't, the file alone is the place.
  const places = readYaml(text, { file, findings: new Findings() });
  const locate = (pointer: string): SourcePosition => {
    for (let p = pointer; p !== ""; p = p.slice(0, p.lastIndexOf("/"))) {
      const at = places?.values.get(p);
      if (at !== undefined) return at;
    }
    return start;
  };
  for (const { pointer, message, severity } of checkCard(card))
    findings.add("FLOW_CARD_INVALID", `Check card: ${message}`, { at: locate(pointer), severity });
  const onError = (error: unknown): void => findings.addThrown(error, { at: start });
  const { references } = compileJsonTemplate(card, { locate, onError });
  checkTexts(
    references.map(({ reference }) => reference),
    asset,
    findings,
  );
}

function checkTexts(references: readonly TemplateReference[], asset: AssetFile, findings: Findings): void {
  const locales = Object.entries(asset.i18n);
  const keys = new Set(references.flatMap((reference) => (reference.kind === "i18n" ? [reference.key] : [])));
  for (const key of locales.length === 0 ? [] : keys) {
    const lacking = locales.filter(([, bundle]) => !Object.hasOwn(bundle, key)).map(([locale]) => locale);
    if (lacking.length === 0) continue;
    const isLost = lacking.length === locales.length;
    findings.add(
      "FLOW_I18N_KEY_MISSING",
      `Check texts: ${quote(key)} is ${isLost ? "in no locale" : `not in ${lacking.join(", ")}`}`,
      { at: placeOf(key, asset), severity: isLost ? "error" : "warning" },
    );
  }
}

/** Where a key is first named. */
function placeOf(key: string, { file, text }: AssetFile): SourcePosition {
  const index = Math.max(0, ...[`'${key}'`, `"${key}"`].map((quoted) => text.indexOf(quoted)));
  const before = text.slice(0, index).split("\n");
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const MAX_UNUSED = 100;

/**
 * Finds texts of the locale files that nothing in the pack names: neither a flow nor an asset has the key as a word, and no
 * component asks for it. Keys of the engine's own texts (`greentic.`) are the engine's to use.
 */
export function checkUnusedTexts(
  locales: TextFiles,
  from: { readonly users: Iterable<string>; readonly keys: ReadonlySet<string> },
): readonly AssetCheck[] {
  const words = new Set(from.keys);
  const users = [...from.users];
  for (const text of users) for (const [word] of text.matchAll(/[\w.:-]+/g)) words.add(word);
  const isUsed = (key: string): boolean =>
    key.startsWith("greentic.") ||
    words.has(key) ||
    (!/^[\w.:-]+$/.test(key) && users.some((text) => text.includes(key)));
  return [...locales].flatMap(([file, text]) => {
    const findings = new Findings();
    const source = readYaml(text, { file, findings: new Findings() });
    const bundle = source?.value ?? null;
    if (!isJsonObject(bundle)) return [];
    for (const key of Object.keys(bundle)
      .filter((name) => !isUsed(name))
      .slice(0, MAX_UNUSED)) {
      const at = source?.keys.get(`/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
      findings.add("FLOW_I18N_KEY_UNUSED", `Check texts: nothing uses ${quote(key)}`, {
        at: at ?? { file, line: 1, column: 1 },
        severity: "info",
      });
    }
    return findings.list.length === 0 ? [] : [{ file, findings: findings.list }];
  });
}
