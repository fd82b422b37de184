import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { GreenticError, quote } from "../types/index.ts";

/** Where optional packages are looked for besides the host's own `node_modules`. */
export interface SdkPlace {
  /** The directory below which the operator installed them, with a `node_modules` in it; `[secrets] sdk_dir`. */
  readonly sdkDir?: string | undefined;
}

/**
 * Loads a package that only some operators need, so that nobody else installs it. What it exports is the caller's to say, by a small
 * interface of its own.
 * @throws SECRETS_SDK_MISSING with the command that installs it, SECRETS_SDK_BROKEN where it is there and can't be loaded
 */
export function loadSdk(name: string, { sdkDir }: SdkPlace = {}): Promise<unknown> {
  return Promise.resolve().then(() => {
    const place = find(name, sdkDir);
    if (place === undefined)
      throw new GreenticError(
        "SECRETS_SDK_MISSING",
        `Load ${quote(name)}: the package isn't installed; run: npm install ${sdkDir === undefined ? "" : `--prefix ${sdkDir} `}${packageOf(name)}`,
      );
    try {
      return place(name) as unknown;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      throw new GreenticError("SECRETS_SDK_BROKEN", `Load ${quote(name)}: ${code}`, { cause: error });
    }
  });
}

/** An entry of a package is installed with all of it. */
function packageOf(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}

function find(name: string, sdkDir: string | undefined): NodeJS.Require | undefined {
  // The operator's own choice goes before what happens to stand around.
  const places = [...(sdkDir === undefined ? [] : [join(resolve(sdkDir), "package.json")]), import.meta.filename];
  for (const place of places) {
    const from = createRequire(place);
    try {
      from.resolve(name);
      return from;
    } catch {
      // Looked for in the next place.
    }
  }
  return undefined;
}
