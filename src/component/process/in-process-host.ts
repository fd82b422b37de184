import { GreenticError } from "../../types/index.ts";
import type { TenantCtx } from "../../types/index.ts";
import { checkImports } from "../capabilities/declarations.ts";
import type { ComponentGrants } from "../grants.ts";
import type {
  ComponentCall,
  ComponentDescription,
  ComponentHost,
  ComponentInfo,
  ComponentLink,
  ComponentResult,
} from "../host.ts";
import type { LinkerLimits } from "../linker/index.ts";
import { DESCRIBE_CTX, DescriptionCache } from "./describe-call.ts";
import { Invocation } from "./invocation.ts";
import { ComponentRuntime } from "./runtime.ts";

/** Runs components in this process: same linker, same limits but resident size. For tests and one's own components only. */
export class InProcessComponentHost implements ComponentHost {
  readonly #runtime: ComponentRuntime;
  readonly #abort = new AbortController();
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #descriptions = new DescriptionCache();

  constructor(options: { readonly limits?: Partial<LinkerLimits> } = {}) {
    this.#runtime = new ComponentRuntime(options.limits);
  }

  async admit(bytes: Uint8Array, grants: ComponentGrants): Promise<ComponentInfo> {
    const info = await this.examine(bytes);
    checkImports(info.imports, grants);
    return info;
  }

  async examine(bytes: Uint8Array): Promise<ComponentInfo> {
    const info = this.#runtime.admit(bytes);
    this.#bytes.set(info.sha256, bytes);
    return info;
  }

  invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
    return this.#run(new Invocation(ctx, call));
  }

  describe(sha256: string, links?: readonly ComponentLink[]): Promise<ComponentDescription> {
    return this.#descriptions.get(sha256, links, (call) => this.#run(new Invocation(DESCRIBE_CTX, call, "describe")));
  }

  /** Stops every call under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }

  async #run(invocation: Invocation): Promise<ComponentResult> {
    for (const sha256 of invocation.components) {
      const bytes = this.#bytes.get(sha256);
      if (bytes === undefined) {
        throw new GreenticError("COMPONENT_NOT_ADMITTED", "Call component: its hash is unknown");
      }
      this.#runtime.admit(bytes);
    }
    const run = invocation.begin();
    const { gate } = invocation;
    const port = {
      ask: gate.ask.bind(gate),
      log: gate.log.bind(gate),
      signal: this.#abort.signal,
    };
    invocation.finish(await this.#runtime.run(run, port));
    return invocation.result;
  }
}
