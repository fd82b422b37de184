import { shortenText } from "../split-text.ts";

const MAX_UNITS = 120;
const MAX_ENDING = 16;
/** What some system runs when it is opened by its name. */
const RUNS =
  /\.(?:apk|app|appx|bat|bin|chm|cmd|com|cpl|deb|desktop|dll|dmg|elf|exe|gadget|hta|img|inf|ins|iso|jar|jnlp|js|jse|lnk|mjs|msc|msi|msp|mst|pif|pkg|ps1|psm1|py|rb|reg|rpm|scf|scr|sct|sh|sys|url|vb|vbe|vbs|vhd|wasm|ws|wsc|wsf|wsh|xll)$/i;
/** What a browser runs. */
const MARKUP = /\.(?:html?|xhtml?|xht|shtml|svgz?|xml|xslt?|mht(?:ml)?)$/i;

const ENDINGS: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/bmp": "bmp",
  "audio/ogg": "ogg",
  "audio/mpeg": "mp3",
  "audio/mp4": "m4a",
  "audio/wav": "wav",
  "video/mp4": "mp4",
  "video/webm": "webm",
  "application/pdf": "pdf",
  "application/json": "json",
  "application/zip": "zip",
  "text/plain": "txt",
  "text/csv": "csv",
  "text/markdown": "md",
  "text/html": "html",
  "image/svg+xml": "svg",
};

/** Whether some system would run a file because of its name. */
export function isProgramName(name: string): boolean {
  // Windows opens `x.exe. .` as `x.exe`.
  return RUNS.test(name.replace(/[\s.]+$/, ""));
}

/**
 * Makes a name safe to show, to save and to put into headers: the last part of a path, without control and direction characters,
 * what file systems reserve, leading dots, and more than 120 UTF-16 units. A name that a browser would run and its type doesn't
 * speak for gets the type's ending.
 */
export function safeFileName(name: string | undefined, type: string): string {
  const ending = ENDINGS[type];
  const own = (name ?? "").toWellFormed().normalize("NFC").split(/[/\\]/).at(-1) ?? "";
  const cleaned = own
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}<>:"|?*%]/gu, "_")
    .replaceAll(/\s+/g, " ")
    .replace(/^[\s.]+/, "")
    .replace(/[\s.]+$/, "");
  if (/^_*$/.test(cleaned)) return ending === undefined ? "file" : `file.${ending}`;
  const isReserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(cleaned);
  const safe = shorten(isReserved ? `_${cleaned}` : cleaned);
  const isOwnEnding = ending !== undefined && safe.toLowerCase().endsWith(`.${ending}`);
  return MARKUP.test(safe) && !isOwnEnding ? shorten(`${safe}.${ending ?? "txt"}`) : safe;
}

function shorten(name: string): string {
  if (name.length <= MAX_UNITS) return name;
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && name.length - dot <= MAX_ENDING ? name.slice(dot) : "";
  return shortenText(name.slice(0, name.length - ending.length), MAX_UNITS - ending.length) + ending;
}

/** The type that a name's ending stands for; undefined where it says nothing that matters. */
export function typeOfName(name: string | undefined): string | undefined {
  const ending = name?.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return Object.entries(ENDINGS).find(([, known]) => known === ending)?.[0];
}
