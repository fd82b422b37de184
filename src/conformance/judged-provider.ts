import type { ComponentHost } from "../component/index.ts";
import type { ChannelAddress, Provider } from "../messaging/index.ts";
import { createPackProvider } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import { createMachineWorld, openProviderPack } from "../runner/index.ts";
import type { ProviderPack } from "../runner/index.ts";
import { SecretRedactor } from "../telemetry/index.ts";
import { channelId, DEFAULT_TEAM, envId, GreenticError, tenantId } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { OFFLINE_POLICY } from "./flow-test/run-conversation.ts";
import type { JudgePlatform } from "./judge-platform.ts";

/** What a provider pack is judged with. */
export interface ProviderSuiteOptions {
  readonly target: string;
  readonly nowMs: number;
  /** Origins beside those of its manifest, and what goes over its configuration, as a bundle says them. */
  readonly origins?: readonly string[];
  readonly config?: JsonObject;
  /** Secrets by name, for recorded requests and for packs that take only some form; any other is one that nobody knows. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What its platform answers to what it takes. Default what several platforms answer, in one. */
  readonly answer?: JsonValue;
  /** Requests that its platform made. */
  readonly requests?: readonly RecordedRequest[];
  /** How long a send may take, or a request. Default 5,000. */
  readonly timeoutMs?: number;
}

/** A request of a platform, as it was recorded. */
export interface RecordedRequest {
  readonly name: string;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Whether its headers sign its body, as they do unless they hold a secret alone. Default true. */
  readonly signsBody?: boolean;
  /** When it came; signatures may be of a time. Default when the pack is judged. */
  readonly atMs?: number;
}

const ADDRESS: ChannelAddress = {
  env: envId("test"),
  tenant: tenantId("conformance"),
  team: DEFAULT_TEAM,
  channel: channelId("conformance"),
};
/** What a secret of the channel is where none is given: nobody who forges a request knows it. */
const SECRET = "conformance-secret-0123456789";
/** The rule of an operator for packs that leave verification to the host. */
const HOST_HEADER = "x-conformance";
const NO_NETWORK = "Send request: a provider that is judged has no network";

/** A provider pack as its judge has it: its channel, its platform, and all that it said. */
export class JudgedProvider {
  /** What it told logs and whoever called it. */
  readonly said: string[] = [];
  /** Origins that it asked for since this was emptied. */
  readonly asked: string[] = [];
  readonly platform: JudgePlatform;
  readonly options: ProviderSuiteOptions;
  readonly #config: JsonObject;
  readonly #redactor = new SecretRedactor();
  #pack: ProviderPack | undefined;
  #isOnline = false;

  private constructor(pack: Pack, { platform, options }: { platform: JudgePlatform; options: ProviderSuiteOptions }) {
    this.platform = platform;
    this.options = options;
    this.#config = { ...pack.manifest.config, ...options.config };
    for (const secret of [SECRET, ...Object.values(options.secrets ?? {})]) this.#redactor.add(secret);
  }

  /** Opens a pack whose requests all end at `platform`, and only while its judge lets them. @throws what opening a provider pack throws */
  static async open(
    pack: Pack,
    by: { components: ComponentHost; platform: JudgePlatform; options: ProviderSuiteOptions },
  ): Promise<JudgedProvider> {
    const { components, platform, options } = by;
    const judged = new JudgedProvider(pack, by);
    judged.#pack = await openProviderPack(pack, {
      components,
      policy: OFFLINE_POLICY,
      address: ADDRESS,
      world: createMachineWorld(),
      http: {
        judge: ({ url }) => {
          judged.asked.push(url.origin);
          if (!judged.#isOnline) throw new GreenticError("HTTP_UNAVAILABLE", NO_NETWORK);
        },
        rewrites: originsOf(pack, options).map((from) => ({ from: new URL(from), to: platform.url })),
        // Whatever isn't rewritten is nowhere.
        resolve: () => Promise.reject(new GreenticError("HTTP_UNAVAILABLE", NO_NETWORK)),
      },
      granted: { http: options.origins ?? [], secrets: [] },
      secret: async (name) => secretOf(name, options),
      config: judged.#config,
      log: (_ctx, _level, message) => void judged.said.push(message),
    });
    return judged;
  }

  get pack(): ProviderPack {
    if (this.#pack === undefined) throw new TypeError("Judge provider: it isn't open yet");
    return this.#pack;
  }

  /** Makes its channel anew, as a host that has just started would: no pace is remembered. */
  channel(atMs?: number): Provider {
    const { pack } = this;
    const world = createMachineWorld();
    return createPackProvider({
      address: ADDRESS,
      parts: pack.parts,
      call: pack.call,
      config: this.#config,
      // A pack that leaves it to the host is believed by a rule of the operator's: here one whose secret nobody has.
      verification: this.isVerifying
        ? { scheme: "component", handshake: false }
        : { scheme: "header", header: HOST_HEADER, secret: "conformance", handshake: false },
      secrets: async () => [SECRET],
      world: atMs === undefined ? world : { ...world, nowMs: () => atMs },
    });
  }

  /** Whether the pack itself tells its platform's requests from others. */
  get isVerifying(): boolean {
    return this.pack.parts.traits.verify === "component";
  }

  /** The header by which the operator's rule believes a request; none where the pack verifies. */
  get believed(): Readonly<Record<string, string>> {
    return this.isVerifying ? {} : { [HOST_HEADER]: SECRET };
  }

  /** Runs something with its platform in reach. */
  async online<T>(run: () => Promise<T>): Promise<T> {
    this.#isOnline = true;
    try {
      return await run();
    } finally {
      this.#isOnline = false;
    }
  }

  /** Finds what it said that holds a secret in whatever form, without the secret. */
  leaks(): readonly string[] {
    return [...new Set(this.said.map((text) => [text, this.#redactor.redact(text)] as const))]
      .filter(([text, safe]) => text !== safe)
      .map(([, safe]) => safe);
  }
}

/** Origins that can be led elsewhere: a pattern has no one place. */
export function originsOf(pack: Pack, { origins = [] }: ProviderSuiteOptions): readonly string[] {
  const granted = [...pack.components.values()].flatMap(({ grants }) => grants.http);
  return [...new Set([...granted, ...origins])].filter((origin) => !origin.includes("*") && URL.canParse(origin));
}

function secretOf(name: string, { secrets = {} }: ProviderSuiteOptions): string {
  return Object.hasOwn(secrets, name) ? (secrets[name] ?? "") : SECRET;
}
