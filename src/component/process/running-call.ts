import { randomFillSync } from "node:crypto";
import type { GuestCall } from "../capabilities/guest-call.ts";
import type { HostAnswer, HostRequest, LogLine } from "../capabilities/host-request.ts";
import { assetFiles } from "../capabilities/assets/asset-files.ts";
import { createWasi, Trap } from "../linker/index.ts";
import type { GuestWorld } from "../families/family.ts";
import { CallLog } from "./call-log.ts";

/** Where a guest's host calls go. */
export interface GuestPort {
  /** Asks for the part of the call whose guest it is: 0 the called component, then those that it is linked to. */
  ask(request: HostRequest, part: number): Promise<HostAnswer>;
  log(line: LogLine): void;
  /** Ends the call at once. */
  readonly signal?: AbortSignal;
}

const MAX_HOST_CALLS = 1000;
const MAX_NOTED = 256;
/** Of a command, whose output this is. */
const MAX_STDOUT_BYTES = 1 << 20;

/** What is counted and kept for one call, over all components that take part in it. */
export class CallRecord {
  readonly collected: CallLog;
  readonly hostCalls: string[] = [];
  readonly startedMs = performance.now();
  readonly timeoutMs: number;
  readonly maxLogBytes: number;
  /** What the called component finds in its world, where its family speaks by arguments and streams. */
  world: GuestWorld | undefined;
  readonly #stdout: Uint8Array[] = [];
  #count = 0;

  constructor(options: { readonly timeoutMs: number; readonly maxLogBytes: number }) {
    this.timeoutMs = options.timeoutMs;
    this.maxLogBytes = options.maxLogBytes;
    this.collected = new CallLog(options.maxLogBytes);
  }

  get deadlineAtMs(): number {
    return this.startedMs + this.timeoutMs;
  }

  /** Takes what the called component writes to its standard output. */
  writeStdout(bytes: Uint8Array): void {
    if (this.world === undefined) this.collected.write(bytes);
    else this.#stdout.push(bytes.slice());
  }

  stdout(): Uint8Array {
    return Buffer.concat(this.#stdout);
  }

  note(name: string): void {
    if (++this.#count > MAX_HOST_CALLS) throw new Trap("host", `Run guest: more than ${MAX_HOST_CALLS} host calls`);
    if (this.hostCalls.length < MAX_NOTED) this.hostCalls.push(name);
  }
}

/** The call that instances serve now; those that are reused serve one after another. */
export interface CurrentCall {
  record: CallRecord;
  port: GuestPort;
}

/** What one component of a call is told about itself. */
export interface CallPart {
  readonly index: number;
  readonly hasAssets: boolean;
  /** Calls a function of a linked component. */
  readonly link: (name: string, func: string, args: readonly unknown[]) => Promise<unknown>;
}

/** The state of one instance. */
export class RunningCall implements GuestCall, Disposable {
  readonly wasi;
  readonly link: CallPart["link"];
  readonly #current: CurrentCall;
  readonly #part: number;

  constructor(current: CurrentCall, part: CallPart) {
    this.#current = current;
    this.#part = part.index;
    this.link = part.link;
    const world = part.index === 0 ? current.record.world : undefined;
    this.wasi = createWasi({
      nowMs: Date.now,
      randomBytes: (count) => randomFillSync(new Uint8Array(count)),
      log: (stream, bytes) => {
        if (stream === "stdout" && part.index === 0) current.record.writeStdout(bytes);
        else current.record.collected.write(bytes);
      },
      // The log has a bound of its own for every call.
      maxLogBytes: world === undefined ? Number.POSITIVE_INFINITY : MAX_STDOUT_BYTES,
      ...world,
      ...(part.hasAssets ? { files: assetFiles((request) => this.ask(request)) } : {}),
    });
  }

  get deadlineAtMs(): number {
    return this.#current.record.deadlineAtMs;
  }

  get timeoutMs(): number {
    return this.#current.record.timeoutMs;
  }

  note(name: string): void {
    this.#current.record.note(name);
  }

  ask(request: HostRequest): Promise<HostAnswer> {
    return this.#current.port.ask(request, this.#part);
  }

  log(line: LogLine): void {
    const { collected } = this.#current.record;
    if (!collected.isOpen) return;
    const message = collected.line(line.message);
    this.#current.port.log({ level: line.level, message });
  }

  [Symbol.dispose](): void {
    this.wasi[Symbol.dispose]();
  }
}
