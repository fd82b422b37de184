import type { ErrorCode } from "../../types/index.ts";
import { isProgramName, safeFileName, typeOfName } from "./file-name.ts";
import { isText, sniff } from "./sniff.ts";

/** What files a host takes in. */
export interface FileRules {
  readonly maxBytes: number;
  /** Media types, `image/*` for all of a kind but those that browsers run, which have to be named. */
  readonly types: readonly string[];
}

/** The rules where nobody set others. */
export const DEFAULT_FILE_RULES: FileRules = {
  maxBytes: 25 << 20,
  types: [
    "image/*",
    "audio/*",
    "video/*",
    "text/plain",
    "text/csv",
    "text/markdown",
    "text/calendar",
    "text/vcard",
    "application/pdf",
    "application/json",
    "application/zip",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.*",
    "application/vnd.oasis.opendocument.*",
  ],
};

/** What a file turned out to be: taken, under its own type and a safe name, or refused. */
export type FileVerdict =
  | { readonly kind: "taken"; readonly type: string; readonly name: string }
  | { readonly kind: "refused"; readonly error: ErrorCode; readonly type: string; readonly name: string };

const OCTETS = "application/octet-stream";
/** What browsers run. */
const ACTIVE = new Set([
  "text/html",
  "application/xhtml+xml",
  "image/svg+xml",
  "application/xml",
  "text/xml",
  "text/javascript",
  "application/javascript",
]);
/** Types whose first bytes are known: a file that claims one and hasn't them isn't one. */
const HAS_MAGIC = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/bmp",
  "application/pdf",
  "application/zip",
  "audio/wav",
  "audio/flac",
]);
/** Containers whose first bytes don't say what is in them. */
const INSIDE: Readonly<Record<string, RegExp>> = {
  "application/zip": /^application\/(?:vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|epub\+zip)/,
  "application/x-ole-storage": /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook))$/,
  "application/ogg": /^(?:audio|video)\/(?:ogg|opus)$/,
  "video/mp4": /^(?:(?:audio|video)\/(?:mp4|x-m4a|m4a|aac|quicktime|3gpp)|image\/(?:heic|heif|avif))$/,
  "video/webm": /^(?:audio|video)\/(?:webm|x-matroska)$/,
};

/** Judges a file by its first bytes, what it claims to be, and its name. */
export function judgeFile(
  head: Uint8Array,
  claim: { readonly mimeType: string; readonly name: string | undefined },
  { types }: Pick<FileRules, "types">,
): FileVerdict {
  const sniffed = sniff(head);
  const type = sniffed.kind === "runs" ? OCTETS : typeOf(head, claim, sniffed);
  const name = safeFileName(claim.name, type);
  const isProgram = sniffed.kind === "runs" || isProgramName(name);
  if (isProgram || !isAllowed(type, types))
    return { kind: "refused", error: "MESSAGING_FILE_TYPE_REFUSED", type, name };
  return { kind: "taken", type, name };
}

/** The media type without its parameters; what has no form of one says nothing. */
export function plainType(type: string): string {
  const [plain = ""] = type.toLowerCase().split(";", 1);
  return /^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,100}$/.test(plain.trim()) ? plain.trim() : OCTETS;
}

function typeOf(
  head: Uint8Array,
  claim: { readonly mimeType: string; readonly name: string | undefined },
  sniffed: ReturnType<typeof sniff>,
): string {
  const said = plainType(claim.mimeType);
  const claimed = said === OCTETS ? (typeOfName(claim.name) ?? OCTETS) : said;
  if (sniffed.kind === "type") return INSIDE[sniffed.type]?.test(claimed) === true ? claimed : sniffed.type;
  if (HAS_MAGIC.has(claimed)) return OCTETS;
  const isTextual = claimed.startsWith("text/") || claimed === "application/json";
  return isTextual && !isText(head) ? OCTETS : claimed;
}

function isAllowed(type: string, types: readonly string[]): boolean {
  if (types.includes(type)) return true;
  if (ACTIVE.has(type)) return false;
  return types.some((allowed) => allowed.endsWith("*") && type.startsWith(allowed.slice(0, -1)));
}
