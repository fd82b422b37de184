/** An sRGB colour, each channel 0 to 255. */
type Rgb = readonly [number, number, number];

/** Grounds that the accent is read on, the least favourable of each scheme (the worker's bubble). Kept equal to `base.css`. */
const LIGHT_GROUND: Rgb = [0xf1, 0xf3, 0xf5];
const DARK_GROUND: Rgb = [0x22, 0x26, 0x2c];
const CONTRAST = 4.6;

/**
 * Makes a tenant's accent readable: darker until it contrasts with the light ground, lighter until it does with the dark one.
 * What is written on the accent uses the ground's colour, so the same contrast serves both ways.
 * @returns undefined for anything but `#rgb` or `#rrggbb`
 */
export function accentPair(accent: string): { readonly light: string; readonly dark: string } | undefined {
  const colour = parseHex(accent);
  if (colour === undefined) return undefined;
  return { light: towards(colour, [0, 0, 0], LIGHT_GROUND), dark: towards(colour, [255, 255, 255], DARK_GROUND) };
}

/** The WCAG contrast of two `#rrggbb` colours, 1 to 21. */
export function contrast(a: string, b: string): number {
  return ratio(parseHex(a) ?? [0, 0, 0], parseHex(b) ?? [0, 0, 0]);
}

function towards(colour: Rgb, end: Rgb, ground: Rgb): string {
  for (let step = 0; step <= 50; step++) {
    const mixed = colour.map((channel, i) =>
      Math.round(channel + ((end[i] ?? 0) - channel) * (step / 50)),
    ) as unknown as Rgb;
    if (ratio(mixed, ground) >= CONTRAST) return formatHex(mixed);
  }
  return formatHex(end);
}

function ratio(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function parseHex(text: string): Rgb | undefined {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  const digits = short?.slice(1).map((digit) => digit + digit) ?? long?.slice(1);
  return digits?.map((pair) => Number.parseInt(pair, 16)) as Rgb | undefined;
}

function formatHex(colour: Rgb): string {
  return `#${colour.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}
