import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../../config/index.ts";
import { openNatsBus } from "../../bus/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { GreenticError } from "../../types/index.ts";
import { isSharedStore, openConfiguredStore } from "../services.ts";

/** How long a bus is waited for. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 20;

/**
 * Says which store is configured. `isOnline` opens one that processes share, as a host does when it starts, except that no table of
 * DynamoDB is made. @throws what the store is refused with
 */
export async function checkStore(config: Config, isOnline: boolean): Promise<string> {
  const { store, dynamodb } = config;
  if (!isSharedStore(config))
    return store === "memory" ? "memory, which keeps nothing" : `${store}, in the data directory`;
  if (!isOnline) return `${store}, not asked`;
  const asked = dynamodb === undefined ? config : { ...config, dynamodb: { ...dynamodb, create: false } };
  await using opened = await openConfiguredStore(asked, { world: createMachineWorld(), onDamage: () => undefined });
  const { sessions, unread } = await opened.stats();
  return `${store}, answers: ${sessions} sessions, ${unread} unread messages`;
}

/** Says which bus is configured; `isOnline` asks a NATS. @throws BUS_URL_INVALID, BUS_CREDENTIAL_INVALID, BUS_UNAVAILABLE */
export async function checkBus({ nats, env }: Config, isOnline: boolean): Promise<string> {
  if (nats === undefined) return "in this process";
  if (!isOnline) return "nats, not asked";
  let refusal: GreenticError | undefined;
  await using bus = await openNatsBus({
    url: nats.url,
    env,
    world: createMachineWorld(),
    name: "greentic doctor",
    ...(nats.credentials && { credentialsFile: nats.credentials }),
    ...(nats.tls && { tls: nats.tls }),
    onError: (error) => void (refusal = error),
  });
  for (const endMs = performance.now() + PATIENCE_MS; !bus.isReady && performance.now() < endMs;) await pause(LOOK_MS);
  if (!bus.isReady) throw refusal ?? new GreenticError("BUS_UNAVAILABLE", "Ask NATS: it doesn't answer");
  return "nats, answers";
}
