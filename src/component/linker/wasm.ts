// The part of V8's WebAssembly interface that the linker uses. The project's type libraries are without the DOM, where
// TypeScript keeps these, and know nothing of JSPI.

/** A function that crosses between JavaScript and core WebAssembly. */
export type CoreFunction = (...args: readonly unknown[]) => unknown;

/** A compiled core module; opaque. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

/** A linear memory. `buffer` is another object after every growth, and the old one is detached. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A global variable. */
export interface WasmGlobal {
  value: unknown;
}

/** A table. */
export interface WasmTable {
  set(index: number, value: unknown): void;
}

/** An instantiated core module. */
export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => WasmInstance;
  readonly Memory: new (descriptor: { readonly initial: number }) => WasmMemory;
  readonly CompileError: new (message?: string) => Error;
  readonly LinkError: new (message?: string) => Error;
  readonly RuntimeError: new (message?: string) => Error;
  /** Marks an import whose promise the guest waits for. */
  readonly Suspending: new (call: CoreFunction) => object;
  /** Makes an export return a promise, so that what it calls may wait. */
  promising(exported: CoreFunction): (...args: readonly unknown[]) => Promise<unknown>;
  validate(bytes: Uint8Array): boolean;
}

/** V8's WebAssembly. */
export const wasm: WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
