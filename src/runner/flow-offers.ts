import type { FlowIr } from "../flow/index.ts";
import { mcpCallOf } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import type { FlowOffer } from "./runtime.ts";
import { submittedValues } from "./submitted-values.ts";

/** What the flows of packs offer, in the order of the packs; of two offers with one name the first counts. */
export function offersOf(packs: readonly LoadedPack[]): readonly FlowOffer[] {
  const offers = new Map<string, FlowOffer>();
  for (const pack of packs) {
    for (const { id, compiled } of new Set(pack.flows.values())) {
      const { offer, title, description, parameters, start } = compiled.ir;
      if (offer === undefined || start === undefined) continue;
      const name = `${offer.kind}:${offer.kind === "resource" ? offer.uri : offer.name}`;
      if (offers.has(name)) continue;
      offers.set(name, {
        pack: pack.name,
        packHash: pack.packHash,
        flow: id,
        offer,
        parameters,
        ...(title === undefined ? {} : { title }),
        ...(description === undefined ? {} : { description }),
      });
    }
  }
  return [...offers.values()];
}

/** A flow's parameters, as a call of the flow sets them where they are its arguments. */
export function calledParameters(ir: FlowIr, message: ChannelMessageEnvelope | undefined): JsonObject {
  const { offer, parameters } = ir;
  if (offer === undefined || offer.kind === "resource" || offer.input !== undefined) return parameters;
  if (mcpCallOf(message) === undefined) return parameters;
  const given = submittedValues(message);
  const called: Record<string, JsonValue> = { ...parameters };
  for (const name of Object.keys(parameters)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) called[name] = value;
  }
  return called;
}
