import { createHash } from "node:crypto";
import { GreenticError } from "../../types/index.ts";
import type { ComponentInfo } from "../host.ts";
import type { Admission } from "./admission-cache.ts";
import { AdmissionCache } from "./admission-cache.ts";
import type { AdmissionLimits } from "./admit-in-process.ts";
import { admitInProcess } from "./admit-in-process.ts";
import { childCode } from "./child-code.ts";

interface Admitted {
  readonly info: ComponentInfo;
  readonly bytes: Uint8Array;
  /** Held only where no disk has it. */
  readonly plan: Uint8Array | undefined;
}

/** The components that a host has admitted, and how they come to the processes that run them. */
export class Admissions implements Disposable {
  readonly #limits: AdmissionLimits;
  readonly #cache: AdmissionCache | undefined;
  readonly #admitted = new Map<string, Admitted>();
  readonly #underWay = new Map<string, Promise<Admission>>();
  readonly #end = new AbortController();

  constructor(limits: AdmissionLimits, dir: string | undefined) {
    this.#limits = limits;
    this.#cache =
      dir === undefined
        ? undefined
        : new AdmissionCache(dir, `${childCode().version} ${JSON.stringify(limits.linker)}`);
  }

  has(sha256: string): boolean {
    return this.#admitted.has(sha256);
  }

  get hashes(): Iterable<string> {
    return this.#admitted.keys();
  }

  /** Finds out what a component is, once. @throws as {@link admitInProcess} */
  async admit(bytes: Uint8Array): Promise<ComponentInfo> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const known = this.#admitted.get(sha256);
    if (known !== undefined) return known.info;
    const { info } = await this.#once(sha256, bytes);
    return info;
  }

  /** Gives the plan of an admitted component; from the disk where it is whole there, else made anew. */
  async planOf(sha256: string): Promise<Admission> {
    const admitted = this.#admitted.get(sha256);
    if (admitted === undefined)
      throw new GreenticError("COMPONENT_NOT_ADMITTED", "Prepare component: its hash is unknown");
    const { info, plan } = admitted;
    return plan === undefined ? await this.#once(sha256, admitted.bytes) : { info, plan };
  }

  /** Ends what is under way. */
  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #once(sha256: string, bytes: Uint8Array): Promise<Admission> {
    const underWay = this.#underWay.get(sha256);
    if (underWay !== undefined) return await underWay;
    const admission = this.#make(sha256, bytes);
    this.#underWay.set(sha256, admission);
    try {
      return await admission;
    } finally {
      this.#underWay.delete(sha256);
    }
  }

  async #make(sha256: string, bytes: Uint8Array): Promise<Admission> {
    const kept = await this.#cache?.get(sha256, bytes.byteLength);
    const admission = kept ?? (await admitInProcess(bytes, { sha256, limits: this.#limits, signal: this.#end.signal }));
    const isOnDisk = kept !== undefined || (await this.#cache?.put(admission)) === true;
    const { info, plan } = admission;
    this.#admitted.set(sha256, { info, bytes, plan: isOnDisk ? undefined : plan });
    return admission;
  }
}
