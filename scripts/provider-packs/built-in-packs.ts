import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildComponent, inspectComponent } from "../../src/component/index.ts";
import type { ChannelType } from "../../src/config/index.ts";
import { providerOf } from "../../src/messaging/index.ts";
import { buildPack } from "../../src/pack/index.ts";
import { VERSION } from "../../src/types/index.ts";
import { bundleBuiltIn } from "./bundle-built-in.ts";

/** What a built-in channel's pack says beside its source. */
interface BuiltInPack {
  /** Its entry's name in entry.ts. */
  readonly exported: string;
  readonly origins: readonly string[];
  /** `[provider]`. */
  readonly traits: string;
}

/**
 * The built-in channels whose source runs as a component. Web chat is the host's own; Teams' tokens are verified with RSA, which the
 * engine of components hasn't; `webhook-out` posts to an address of its settings, and a manifest names origins; mail and timers speak no HTTP.
 */
export const BUILT_IN_PACKS = {
  telegram: {
    exported: "telegram",
    origins: ["https://api.telegram.org"],
    traits: `pace = { per_minute = 1740, burst = 1 }\nconversation_pace = { per_minute = 57, burst = 1 }`,
  },
  slack: {
    exported: "slack",
    origins: ["https://slack.com"],
    traits: `sink = "B"\ndestination = "channel"\nconversation_pace = { per_minute = 57, burst = 1 }`,
  },
  whatsapp: {
    exported: "whatsapp",
    origins: ["https://graph.facebook.com"],
    traits: `destination = "phone"\ndedupe_ttl_seconds = 864000\nmax_body_bytes = 3145728\npace = { per_minute = 4800, burst = 40 }\nconversation_pace = { per_minute = 10, burst = 40 }`,
  },
} as const satisfies Partial<Record<ChannelType, BuiltInPack>>;

/** A channel of {@link BUILT_IN_PACKS}. */
export type PackedType = keyof typeof BUILT_IN_PACKS;

/** Builds a built-in channel as a provider pack, from its own source; returns the archive. */
export async function buildBuiltInPack(type: PackedType): Promise<Uint8Array> {
  const { exported, origins, traits } = BUILT_IN_PACKS[type];
  const entry = providerOf(type);
  const required = entry.secrets.filter(({ isRequired }) => isRequired === true).map(({ name }) => name);
  const secrets = entry.secrets.flatMap(({ name, isRotated }) => (isRotated ? [name, `${name}_previous`] : [name]));
  const work = await mkdtemp(join(tmpdir(), "greentic-built-in-"));
  try {
    const source = join(work, "source");
    await bundleBuiltIn(type, source, { exported, origins, secrets });
    const { bytes: wasm } = await buildComponent(source);
    await mkdir(join(work, "components"));
    await writeFile(join(work, "components/channel.wasm"), wasm);
    const list = (values: readonly string[]): string => JSON.stringify(values);
    await writeFile(
      join(work, "pack.toml"),
      [
        `[pack]\nname = "messaging-${type}"\nversion = ${JSON.stringify(VERSION)}\ndescription = ${JSON.stringify(entry.title)}`,
        `[capabilities]\nid = "greentic.cap.messaging.provider.v1"\nprovides = ["messaging.${type}"]`,
        `[provider]\ningress = "channel"\negress = "channel"\nverify = "component"\n${traits}`,
        `[secrets]\nrequired = ${list(required)}\noptional = ${list(secrets.filter((name) => !required.includes(name)))}`,
        `[components.channel.grants]\nhttp = ${list(origins)}\nsecrets = ${list(secrets)}\n`,
      ].join("\n"),
    );
    const probeComponent = (bytes: Uint8Array) => ({ abi: inspectComponent(bytes).abi, world: "" });
    return (await buildPack(work, { probeComponent })).bytes;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
