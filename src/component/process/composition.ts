import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentInstance, LinkedComponent, LinkerLimits } from "../linker/index.ts";
import { checkLink } from "./link-check.ts";
import type { GuestRun } from "./messages.ts";
import type { CallRecord, CurrentCall, GuestPort } from "./running-call.ts";
import { RunningCall } from "./running-call.ts";

interface Part {
  readonly instance: ComponentInstance;
  readonly state: RunningCall;
}

/** Links found sound, by importer, interface and exporter. */
const checked = new WeakMap<LinkedComponent, Map<string, LinkedComponent>>();

/**
 * The components of one call: the called one, and an instance of each that it is linked to, made when it is first called. Only
 * lifted values pass between them, so no memory and no handle is shared; all end at the call's deadline. Where the call allows it,
 * they serve the next call of the same kind too.
 */
export class Composition implements Disposable {
  readonly #components: readonly LinkedComponent[];
  readonly #run: GuestRun;
  readonly #current: CurrentCall;
  readonly #limits: LinkerLimits;
  readonly #parts: (Part | undefined)[];
  /** Calls that it has served or serves. */
  calls = 1;
  #fuelBefore = 0;
  /** Memory that the first call left. */
  #firstBytes: number | undefined;

  /** `components` are those of the run's parts, in their order. */
  constructor(
    components: readonly LinkedComponent[],
    options: {
      readonly run: GuestRun;
      readonly record: CallRecord;
      readonly port: GuestPort;
      readonly limits: LinkerLimits;
    },
  ) {
    this.#components = components;
    this.#run = options.run;
    this.#current = { record: options.record, port: options.port };
    this.#limits = options.limits;
    this.#parts = components.map(() => undefined);
  }

  /** Gives the instance of a part. @throws COMPONENT_LINK_INVALID; Trap where a start function fails */
  instance(index: number): ComponentInstance {
    return (this.#parts[index] ??= this.#start(index)).instance;
  }

  /** Begins another call; its parts, links and grants are those of the first. */
  begin(current: CurrentCall): void {
    this.#firstBytes ??= this.memoryBytes;
    this.#fuelBefore = this.#fuel;
    this.#current.record = current.record;
    this.#current.port = current.port;
    for (const part of this.#parts) part?.state.wasi.beginCall();
    this.calls++;
  }

  /** Sums over all instances; fuel is that of the call. */
  get stats(): { readonly fuel: number; readonly peakMemoryBytes: number } {
    return { fuel: this.#fuel - this.#fuelBefore, peakMemoryBytes: this.memoryBytes };
  }

  /** Memories never shrink. */
  get memoryBytes(): number {
    return this.#parts.reduce((sum, part) => sum + (part?.instance.stats.peakMemoryBytes ?? 0), 0);
  }

  /** How far memory has grown since the first call. */
  get growthBytes(): number {
    const bytes = this.memoryBytes;
    return bytes - (this.#firstBytes ?? bytes);
  }

  /** Tells whether a component takes part. */
  uses(sha256: string): boolean {
    return this.#run.parts.some((part) => part.sha256 === sha256);
  }

  get #fuel(): number {
    return this.#parts.reduce((sum, part) => sum + (part?.instance.stats.fuel ?? 0), 0);
  }

  [Symbol.dispose](): void {
    for (const part of this.#parts) part?.state[Symbol.dispose]();
  }

  #start(index: number): Part {
    const component = this.#component(index);
    for (const name of this.#run.links.keys()) this.#check(component, name);
    const state = new RunningCall(this.#current, {
      index,
      hasAssets: this.#run.parts[index]?.hasAssets === true,
      link: async (name, func, args) => {
        const target = this.#run.links.get(name);
        if (target !== undefined) return await this.instance(target).call({ interface: name, name: func }, args);
        throw new GreenticError(
          "COMPONENT_IMPORT_UNGRANTED",
          `Call component: import ${quote(name)} is linked to nothing`,
        );
      },
    });
    const instance = component.instantiate(state, { limits: this.#limits, ...this.#within() });
    const bound: ComponentInstance = {
      call: (ref, args) => instance.call(ref, args, this.#within()),
      get stats() {
        return instance.stats;
      },
    };
    return { instance: bound, state };
  }

  #within(): { readonly deadlineAtMs: number; readonly signal?: AbortSignal } {
    const { record, port } = this.#current;
    return { deadlineAtMs: record.deadlineAtMs, ...(port.signal === undefined ? {} : { signal: port.signal }) };
  }

  #check(component: LinkedComponent, name: string): void {
    if (!component.imports.some(({ instance }) => instance === name)) return;
    const target = this.#component(this.#run.links.get(name) ?? -1);
    let sound = checked.get(component);
    if (sound === undefined) checked.set(component, (sound = new Map()));
    if (sound.get(name) === target) return;
    checkLink({ interface: name, imports: component.imports, exports: target.exports });
    sound.set(name, target);
  }

  #component(index: number): LinkedComponent {
    const component = this.#components[index];
    if (component === undefined) throw new TypeError("Call component: its links are broken");
    return component;
  }
}
