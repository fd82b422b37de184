import type { BinaryReader } from "./binary-reader.ts";
import { quote } from "../../types/index.ts";
import { refuseAsync } from "./refuse-async.ts";

const LABEL = "[a-zA-Z][0-9a-zA-Z]*(?:-[0-9a-zA-Z]+)*";
const LABEL_ONLY = new RegExp(`^${LABEL}$`);
const PLAIN = new RegExp(`^(?:${LABEL}|\\[constructor\\]${LABEL}|\\[(?:method|static)\\]${LABEL}\\.${LABEL})$`);
const INTERFACE = new RegExp(`^${LABEL}(?::${LABEL})+(?:/${LABEL})+(?:@[0-9][0-9a-zA-Z.+-]*)?$`);
const DEPENDENCY = /^(?:locked-dep|unlocked-dep|url|integrity)=<[^<>]*>(?:,integrity=<[^<>]*>)?$/;
const ASYNC = /^\[async(?: method| static)?\]/;

/** Reads a kebab-case label: nothing else may become a key of an object. */
export function readLabel(reader: BinaryReader): string {
  const start = reader.offset;
  const label = reader.name();
  if (!LABEL_ONLY.test(label)) reader.fail(`${quote(label)} is not a kebab-case name`, start);
  return label;
}

/** Reads the name of an import or export. @see design/mvp/Explainer.md, import and export names */
export function readExternName(reader: BinaryReader): string {
  const kind = reader.byte();
  if (kind > 2) reader.fail(`extern name kind ${kind}`, reader.offset - 1);
  const start = reader.offset;
  const name = reader.name();
  if (ASYNC.test(name)) refuseAsync(`the asynchronous function ${quote(name)}`, reader, start);
  if (!PLAIN.test(name) && !INTERFACE.test(name) && !DEPENDENCY.test(name)) {
    reader.fail(`${quote(name)} is not a name of an import or export`, start);
  }
  if (kind === 2) {
    reader.vector(() => {
      reader.byte();
      reader.name();
    });
  }
  return name;
}
