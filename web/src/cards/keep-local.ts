import { isRecord } from "../directline/index.ts";

const PICTURE_KEYS = new Set(["backgroundImage", "iconUrl", "poster", "url"]);

/**
 * Copies a card without what would make the page ask another origin: a picture or recording from elsewhere becomes a link to it,
 * a background or icon from elsewhere is left out. The content security policy would refuse them anyway, and show a gap.
 */
export function keepLocal(value: unknown, describe: (host: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => keepLocal(item, describe));
  if (!isRecord(value)) return value;
  const foreign = isElement(value) ? foreignSource(value) : undefined;
  if (foreign !== undefined) {
    const name = typeof value["altText"] === "string" && value["altText"] !== "" ? value["altText"] : foreign.hostname;
    const { id, isVisible, spacing, separator } = value;
    return {
      id,
      isVisible,
      spacing,
      separator,
      type: "PictureLink",
      name,
      url: foreign.href,
      host: describe(foreign.host),
    };
  }
  if (value["type"] === "ImageSet" && Array.isArray(value["images"]) && value["images"].some(hasForeignSource)) {
    // A set shows pictures alone: links in their place would be left out.
    return { type: "Container", items: keepLocal(value["images"], describe) };
  }
  const kept = Object.entries(value).filter(([key, inner]) => !(isPictureKey(key, value) && isForeign(inner)));
  return Object.fromEntries(kept.map(([key, inner]) => [key, keepLocal(inner, describe)]));
}

/** Tells whether an address would be asked from another origin. */
export function isForeign(address: unknown): boolean {
  if (isRecord(address)) return isForeign(address["url"]);
  return typeof address === "string" && foreignUrl(address) !== undefined;
}

/** `url` is a picture's in a background, but an action's too, which is only followed when pressed. */
function isPictureKey(key: string, owner: Readonly<Record<string, unknown>>): boolean {
  return PICTURE_KEYS.has(key) && !(key === "url" && String(owner["type"]).startsWith("Action."));
}

function isElement(value: Readonly<Record<string, unknown>>): boolean {
  return value["type"] === "Image" || value["type"] === "Media";
}

function hasForeignSource(image: unknown): boolean {
  return isRecord(image) && isElement(image) && foreignSource(image) !== undefined;
}

function foreignSource(element: Readonly<Record<string, unknown>>): URL | undefined {
  const sources = Array.isArray(element["sources"])
    ? element["sources"].map((source: unknown) => (isRecord(source) ? source["url"] : ""))
    : [];
  for (const address of [element["url"], ...sources]) {
    const url = typeof address === "string" ? foreignUrl(address) : undefined;
    if (url !== undefined) return url;
  }
  return undefined;
}

function foreignUrl(address: string): URL | undefined {
  try {
    const url = new URL(address, location.href);
    return url.origin === location.origin || url.protocol === "data:" || url.protocol === "blob:" ? undefined : url;
  } catch {
    return undefined;
  }
}
