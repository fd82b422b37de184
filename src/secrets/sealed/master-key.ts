import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { writeFileAtomic } from "../../files/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { loadSdk } from "../load-sdk.ts";
import type { Keeper } from "./sealed-file.ts";
import { KEY_BYTES, keyIdOf } from "./sealed-file.ts";

/** Keeps master keys, the newest first; there are two only while one takes the other's place. */
export interface KeyKeeper {
  readonly keeper: Keeper;
  /** Empty where there are none. */
  read(): Promise<readonly Buffer[]>;
  write(keys: readonly Buffer[]): Promise<void>;
}

export interface KeyOptions {
  /** The sealed file, absolute. */
  readonly file: string;
  /** The operator's own key file; without it the system's keyring, else a file beside. */
  readonly keyFile?: string | undefined;
  readonly sdkDir?: string | undefined;
}

const SERVICE = "greentic";
const KEYRING = "@napi-rs/keyring";

/** What is used of `@napi-rs/keyring`. */
interface Keyring {
  readonly AsyncEntry: new (
    service: string,
    account: string,
  ) => { getPassword(): Promise<string | null | undefined>; setPassword(password: string): Promise<unknown> };
}

/** Finds who keeps the key of a file that is there. */
export async function keeperOf(keeper: Keeper, options: KeyOptions): Promise<KeyKeeper> {
  return keeper === "keyring" && options.keyFile === undefined ? openKeyring(options) : openKeyFile(keyPathOf(options));
}

/** Decides who keeps the key of a new file: the file that the operator names, else the keyring if it can be written, else a file beside. */
export async function chooseKeeper(
  options: KeyOptions,
): Promise<{ readonly keys: KeyKeeper; readonly master: Buffer }> {
  if (options.keyFile === undefined) {
    try {
      const keys = await openKeyring(options);
      return { keys, master: await firstKey(keys) };
    } catch {
      // No package, no keyring, or one that nobody unlocks: most servers.
    }
  }
  const keys = openKeyFile(keyPathOf(options));
  return { keys, master: await firstKey(keys) };
}

/** Picks the key that a file was sealed with. @throws SECRETS_KEY_MISSING */
export async function pickKey(
  keys: KeyKeeper,
  { keyId, path }: { readonly keyId: string; readonly path: string },
): Promise<Buffer> {
  const found = (await keys.read()).find((key) => keyIdOf(key) === keyId);
  if (found !== undefined) return found;
  throw new GreenticError("SECRETS_KEY_MISSING", `Open ${quote(path)}: its key ${keyId} isn't in the ${keys.keeper}`);
}

async function firstKey(keys: KeyKeeper): Promise<Buffer> {
  const [known] = await keys.read();
  if (known !== undefined) return known;
  const fresh = randomBytes(KEY_BYTES);
  await keys.write([fresh]);
  return fresh;
}

function keyPathOf({ file, keyFile }: KeyOptions): string {
  return keyFile ?? file.replace(/\.sealed$/, ".key");
}

function openKeyFile(path: string): KeyKeeper {
  return {
    keeper: "file",
    async read() {
      let text: string;
      try {
        // Mounts of the container's runtime are links to files of their own mode; what counts is the file's.
        const { mode } = await stat(path);
        if (process.platform !== "win32" && (mode & 0o077) !== 0)
          throw new GreenticError(
            "SECRETS_FILE_EXPOSED",
            `Read the key of secrets: ${quote(path)} is open to others (mode ${(mode & 0o777).toString(8)})`,
          );
        text = await readFile(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
        throw error instanceof GreenticError ? error : keyFailure(path, error);
      }
      return parseKeys(text, path);
    },
    async write(keys) {
      try {
        await writeFileAtomic(path, Buffer.from(formatKeys(keys)), 0o600);
      } catch (error) {
        throw keyFailure(path, error);
      }
    },
  };
}

async function openKeyring({ file, sdkDir }: KeyOptions): Promise<KeyKeeper> {
  const { AsyncEntry } = (await loadSdk(KEYRING, { sdkDir })) as Keyring;
  const ask = async <T>(task: (entry: InstanceType<Keyring["AsyncEntry"]>) => Promise<T>): Promise<T> => {
    try {
      return await task(new AsyncEntry(SERVICE, file));
    } catch (error) {
      throw keyFailure("the system's keyring", error);
    }
  };
  return {
    keeper: "keyring",
    read: () => ask(async (entry) => parseKeys((await entry.getPassword()) ?? "", "the system's keyring")),
    write: (keys) => ask(async (entry) => void (await entry.setPassword(formatKeys(keys)))),
  };
}

function parseKeys(text: string, place: string): readonly Buffer[] {
  const keys = text
    .split("\n")
    .filter(Boolean)
    .map((line) => Buffer.from(line, "base64"));
  if (keys.some((key) => key.length !== KEY_BYTES))
    throw new GreenticError(
      "SECRETS_KEY_MISSING",
      `Read the key of secrets: expected 32 bytes in base64 in ${quote(place)}`,
    );
  return keys;
}

function formatKeys(keys: readonly Buffer[]): string {
  return keys.map((key) => `${key.toString("base64")}\n`).join("");
}

function keyFailure(place: string, error: unknown): GreenticError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return new GreenticError("SECRETS_KEY_MISSING", `Reach the key of secrets in ${quote(place)}: ${code}`, {
    cause: error,
  });
}
