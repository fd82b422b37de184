import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readNpmLock } from "../../config/index.ts";
import type { LockedNpmPackage } from "../../config/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import { copySources } from "./copy-sources.ts";

/** What is said of a package that went into a component. */
interface EmbeddedNpmPackage {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
}

/**
 * Copies the npm packages that a component's lock names for what runs to where its modules are resolved. Returns what the
 * component then carries of them, in the order of name and version.
 * @throws COMPONENT_BUILD_FAILED where one isn't installed, or not in the locked version
 */
export async function copyPackages(directory: string, modules: string): Promise<readonly EmbeddedNpmPackage[]> {
  const budget = { rest: MAX_PACKAGE_BYTES };
  const embedded = new Map<string, EmbeddedNpmPackage>();
  for (const locked of await readNpmLock(directory)) {
    const folder = join(directory, locked.folder);
    if (!(await stat(folder).catch(() => undefined))?.isDirectory()) throw notInstalled(locked);
    const license = await checkInstalled(folder, locked);
    await copySources(folder, join(modules, locked.folder), { budget });
    const { name, version, integrity } = locked;
    embedded.set(`${name}\0${version}`, {
      name,
      version,
      ...(license !== undefined && { license }),
      ...(integrity !== undefined && { integrity }),
    });
  }
  return [...embedded].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

const MAX_PACKAGE_BYTES = 8 << 20;

/** Appends the section that tells which npm packages are in a component; a component without any stays as it is. */
export function withNpmPackages(component: Uint8Array, packages: readonly EmbeddedNpmPackage[]): Uint8Array {
  if (packages.length === 0) return component;
  const name = Buffer.from("npm-packages");
  const content = Buffer.concat([leb128(name.length), name, Buffer.from(JSON.stringify(packages))]);
  return Buffer.concat([component, Uint8Array.of(0), leb128(content.length), content]);
}

/** Writes the packages beside the modules, so that what is kept by its inputs is kept by them too. */
export async function writeNpmPackages(work: string, packages: readonly EmbeddedNpmPackage[]): Promise<void> {
  if (packages.length > 0) await writeFile(join(work, "npm-packages.json"), JSON.stringify(packages));
}

/** Returns the licence, which older locks don't have. */
async function checkInstalled(folder: string, locked: LockedNpmPackage): Promise<string | undefined> {
  const manifest = parseJson(await readFile(join(folder, "package.json")).catch(() => Buffer.from("{}")));
  if (!isJsonObject(manifest) || manifest["version"] !== locked.version) throw notInstalled(locked);
  const { license } = manifest;
  return locked.license ?? (typeof license === "string" ? license : undefined);
}

function notInstalled({ name, version }: LockedNpmPackage): GreenticError {
  return new GreenticError(
    "COMPONENT_BUILD_FAILED",
    `Build a component: ${quote(name)} ${version} of package-lock.json isn't installed; run npm ci`,
  );
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) return Uint8Array.from(bytes);
  }
}
