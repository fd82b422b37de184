/** The guests that components are measured with: C by clang where it is present, JavaScript, and one as large as the largest. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { componentEmbed, componentNew } from "@bytecodealliance/jco";
import { componentize } from "componentize-qjs";

const WIT = `package t:t;
world guest { record message { id: string, body: string } export run: func(m: message) -> string; }`;

// The canonical ABI by hand: four words in, a pointer to two words out; memory starts anew with every instance.
const C = `
typedef unsigned int u32;
extern unsigned char __heap_base;
static u32 top;
__attribute__((export_name("cabi_realloc"))) u32 cabi_realloc(u32 old, u32 old_size, u32 align, u32 size) {
  if (!top) top = (u32)&__heap_base;
  u32 at = (top + align - 1) & ~(align - 1);
  top = at + size;
  return at;
}
__attribute__((export_name("cabi_post_run"))) void cabi_post_run(u32 result) { top = 0; }
static u32 result[2];
__attribute__((export_name("run"))) u32 run(const char *id, u32 id_size, const char *body, u32 body_size) {
  u32 items = 0;
  for (u32 i = 0; i < body_size; i++) items += body[i] == '{';
  char *out = (char *)cabi_realloc(0, 0, 1, id_size + 12);
  u32 size = 0;
  for (; size < id_size; size++) out[size] = id[size];
  out[size++] = ' ';
  do out[size++] = '0' + items % 10; while (items /= 10);
  result[0] = (u32)out;
  result[1] = size;
  return (u32)result;
}`;

/** Runs some work in a directory that is gone afterwards. */
async function inDirectory<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Builds a C guest; undefined without clang. */
export async function cGuest(): Promise<Uint8Array | undefined> {
  return await inDirectory(async (dir) => {
    const [source, core] = [join(dir, "guest.c"), join(dir, "guest.wasm")];
    await writeFile(source, C);
    const flags = ["--target=wasm32", "-Oz", "-nostdlib", "-Wl,--no-entry,--strip-all,-z,stack-size=4096"];
    try {
      await promisify(execFile)("clang", [...flags, "-o", core, source]);
    } catch {
      return undefined;
    }
    const wit = join(dir, "guest.wit");
    await writeFile(wit, WIT);
    const embedded = await componentEmbed({
      binary: await readFile(core),
      witPath: wit,
      worldName: "guest",
    } as Parameters<typeof componentEmbed>[0]);
    return await componentNew(embedded);
  });
}

/** Builds the same guest of JavaScript. */
export async function quickJsGuest(): Promise<Uint8Array> {
  return await inDirectory(async (dir) => {
    await writeFile(join(dir, "guest.wit"), WIT);
    const { component } = await componentize({
      witPath: dir,
      world: "guest",
      jsSource: `export function run(m) { return m.id + " " + JSON.parse(m.body).items.length; }`,
      sync: true,
      optSize: true,
      stubWasi: true,
    });
    return component;
  });
}

/** Repeats the functions of a component's largest core module until it has a size: code as real as the component's own. */
export function enlarge(component: Uint8Array, sizeBytes: number): Uint8Array {
  let times = 1;
  let enlarged = component;
  while (enlarged.length < sizeBytes) enlarged = repeatCode(component, ++times);
  return enlarged;
}

const CORE_MODULE = 1;
const COMPONENT = 4;
const FUNCTIONS = 3;
const CODE = 10;

function repeatCode(bytes: Uint8Array, times: number): Uint8Array {
  const sections = sectionsOf(bytes);
  const largest = sections
    .filter(({ id }) => id === CORE_MODULE || id === COMPONENT)
    .toSorted((a, b) => b.body.length - a.body.length)[0];
  const repeated = sections.map((section) => {
    if (section !== largest) return section;
    if (section.id === COMPONENT) return { id: COMPONENT, body: repeatCode(section.body, times) };
    const inner = sectionsOf(section.body).map(({ id, body }) =>
      id === FUNCTIONS || id === CODE ? { id, body: repeatVector(body, times) } : { id, body },
    );
    return { id: CORE_MODULE, body: joined(section.body, inner) };
  });
  return joined(bytes, repeated);
}

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

const HEAD = 8;

function sectionsOf(bytes: Uint8Array): readonly Section[] {
  const sections: Section[] = [];
  for (let at = HEAD; at < bytes.length;) {
    const id = bytes[at] ?? 0;
    const [size, start] = leb(bytes, at + 1);
    sections.push({ id, body: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return sections;
}

function joined(original: Uint8Array, sections: readonly Section[]): Uint8Array {
  const parts = sections.flatMap(({ id, body }) => [Uint8Array.of(id, ...lebOf(body.length)), body]);
  return Buffer.concat([original.subarray(0, HEAD), ...parts]);
}

function repeatVector(body: Uint8Array, times: number): Uint8Array {
  const [count, start] = leb(body, 0);
  const items = body.subarray(start);
  return Buffer.concat([Uint8Array.from(lebOf(count * times)), ...Array.from({ length: times }, () => items)]);
}

function leb(bytes: Uint8Array, start: number): readonly [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}

function lebOf(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...lebOf(value >>> 7)];
}
