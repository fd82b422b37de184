import type { ComponentInstance, ExportRef } from "../linker/index.ts";

/** What a component really exports, by interface and function. */
export class ExportTable {
  readonly all: readonly ExportRef[];

  constructor(all: readonly ExportRef[]) {
    this.all = all;
  }

  /** Finds a function of an interface, which is named up to where its versions differ; null for the top level. */
  find(prefix: string | null, name: string): ExportRef | undefined {
    return this.all.find((ref) => ref.name === name && isOf(ref, prefix));
  }

  /** Tells whether anything of an interface is exported. */
  has(prefix: string): boolean {
    return this.all.some((ref) => isOf(ref, prefix));
  }
}

function isOf({ interface: of }: ExportRef, prefix: string | null): boolean {
  return prefix === null ? of === null : of !== null && (of === prefix || of.startsWith(prefix));
}

/** Asks for something that a component may do without; undefined where it fails at that. */
export async function tryCall(
  instance: ComponentInstance,
  ref: ExportRef | undefined,
  args: readonly unknown[] = [],
): Promise<unknown> {
  if (ref === undefined) return undefined;
  try {
    return await instance.call(ref, args);
  } catch {
    return undefined;
  }
}
