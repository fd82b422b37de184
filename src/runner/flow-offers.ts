import type { FlowIr, Offer } from "../flow/index.ts";
import { mcpCallOf } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import type { FlowOffer } from "./runtime.ts";
import { submittedValues } from "./submitted-values.ts";

/** Checks that no two flows of a pack offer the same. @throws RUNNER_OFFER_DUPLICATE at the second one's place */
export function checkOffers(flows: ReadonlyMap<string, LoadedFlow>): void {
  const offered = new Map<string, string>();
  for (const { id, compiled } of new Set(flows.values())) {
    const { offer, positions, at } = compiled.ir;
    if (offer === undefined) continue;
    const name = nameOf(offer);
    const other = offered.get(name);
    if (other !== undefined) {
      throw new GreenticError(
        "RUNNER_OFFER_DUPLICATE",
        `Load flow ${quote(id)}: flow ${quote(other)} offers ${offer.kind} ${quote(offer.kind === "resource" ? offer.uri : offer.name)} already`,
        { at: positions.get(`/offer/${offer.kind}`) ?? at },
      );
    }
    offered.set(name, id);
  }
}

function nameOf(offer: Offer): string {
  return `${offer.kind}:${offer.kind === "resource" ? offer.uri : offer.name}`;
}

/** What the flows of packs offer that a team reaches, in the order of the packs; of two offers with one name the first counts. */
export function offersOf(packs: readonly LoadedPack[], team: string): readonly FlowOffer[] {
  const offers = new Map<string, FlowOffer>();
  for (const pack of packs) {
    for (const { id, compiled } of new Set(pack.flows.values())) {
      const { offer, title, description, parameters, start } = compiled.ir;
      if (offer === undefined || start === undefined || !pack.allows(team, id, start)) continue;
      const name = nameOf(offer);
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
