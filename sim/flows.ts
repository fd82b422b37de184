import type { Pack } from "../src/pack/index.ts";
import type { PackApp } from "../src/runner/index.ts";
import { makePack } from "../src/runner/runtime-fixture.ts";
import { envId, teamId, tenantId } from "../src/types/index.ts";
import type { TalkKind } from "./plan.ts";

export const ENV = envId("sim");

// Every reply says whose it is, what was said, and what was said before it: a lost, repeated, reordered or stale turn shows in it.
const FLOWS: Readonly<Record<string, string>> = {
  // State outside of the flow, and an effect with its outcome on record.
  chain: `
id: chain
type: messaging
start: read
nodes:
  read: { state.get: { key: last }, routing: [{ to: work }] }
  work:
    component.exec: { component: shop, operation: work, input: { text: "{{in.text}}", last: "{{read.value}}" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: keep }]
  keep: { state.set: { key: last, value: "{{in.text}}" }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{work.mark}}" }, routing: out }
`,
  // The same without an effect: the turn that never waits.
  plain: `
id: plain
type: messaging
start: read
nodes:
  read: { state.get: { key: last }, routing: [{ to: keep }] }
  keep: { state.set: { key: last, value: "{{in.text}}" }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{tenant.id}}|{{in.text}}|{{default read.value ''}}" }, routing: out }
`,
  // A flow that waits, with a timer, and two effects in a turn.
  talk: `
id: talk
type: messaging
start: work
nodes:
  work:
    component.exec: { component: shop, operation: work, input: { text: "{{in.text}}", last: "{{vars.last}}" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: note }]
  note:
    component.exec: { component: shop, operation: note, input: { text: "{{in.text}}", last: "{{vars.last}}" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: tell }]
  tell: { message.send: { text: "{{work.mark}}" }, routing: [{ to: keep }] }
  keep: { var.set: { name: last, value: "{{in.text}}" }, routing: [{ to: wait }] }
  wait:
    session.wait: { reason: more, expires: 8s }
    routing: [{ status: expired, to: remind }, { to: work }]
  remind:
    component.exec: { component: shop, operation: remind, input: { text: "{{vars.last}}", last: "{{vars.last}}" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: late }]
  late: { message.send: { text: "{{tenant.id}}|late|{{vars.last}}" }, routing: out }
`,
  form: `
id: form
type: messaging
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: one, prompt: "{{tenant.id}}|one?" }
        - { id: two, prompt: "{{tenant.id}}|two?" }
        - { id: three, prompt: "{{tenant.id}}|three?" }
    routing: [{ to: tell }]
  tell:
    message.send: { text: "{{tenant.id}}|{{ask.answers.one}}+{{ask.answers.two}}+{{ask.answers.three}}" }
    routing: out
`,
  order: `
id: order
type: messaging
start: publish
nodes:
  publish: { event.publish: { type: order.created, payload: { text: "{{in.text}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{tenant.id}}|{{in.text}}|" }, routing: out }
`,
  on_order: `
id: on_order
type: events
start: work
entrypoints: { "event:order.created": work, default: work }
nodes:
  work:
    component.exec: { component: shop, operation: work, input: { text: "{{in.payload.text}}", last: event } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: tell }]
  tell: { message.send: { text: "{{work.mark}}", to: { id: ops, channel: hook } }, routing: out }
`,
  // Time that passes in the middle, with what was done before it still known behind it.
  pause: `
id: pause
type: messaging
start: work
nodes:
  work:
    component.exec: { component: shop, operation: work, input: { text: "{{in.text}}", last: "" } }
    retry: { max_attempts: 4, base_delay_ms: 6000 }
    routing: [{ to: rest }]
  rest: { delay: 3s, routing: [{ to: note }] }
  note:
    component.exec: { component: shop, operation: note, input: { text: "{{in.text}}", last: "" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: tell }]
  tell: { message.send: { text: "{{work.mark}}" }, routing: out }
`,
  // Effects side by side in one turn.
  many: `
id: many
type: messaging
start: each
nodes:
  each: { for_each: { items: [a, b, c], do: work, max_concurrency: 2 }, routing: [{ to: tell }] }
  work:
    component.exec: { component: shop, operation: item, input: { text: "{{in.text}}-{{vars.item}}", last: "" } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: give }]
  give: { flow.return: { value: "{{work.mark}}" } }
  tell: { message.send: { text: "{{tenant.id}}|{{in.text}}|{{json each.results}}" }, routing: out }
`,
  // Nobody says anything: the calendar starts it, once each time whatever number of workers looks.
  clock: `
id: clock
type: timer
schedule: { cron: "*/10 * * * * *" }
start: work
nodes:
  work:
    component.exec:
      { component: shop, operation: tick, input: { text: "{{tenant.id}}-{{in.scheduled_at}}", last: tick } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: [{ to: tell }]
  tell: { message.send: { text: "{{work.mark}}", to: { id: ops, channel: hook } }, routing: out }
`,
  request: `
id: request
type: webhook
nodes:
  work:
    component.exec: { component: shop, operation: work, input: { text: "{{in.text}}", last: request } }
    retry: { max_attempts: 4, base_delay_ms: 50 }
    routing: reply
`,
};

const made = new Map<TalkKind, Promise<Pack>>();

/** The pack of a kind of conversation; made once. */
export function packOf(kind: TalkKind): Promise<Pack> {
  const known = made.get(kind);
  if (known !== undefined) return known;
  const flows = Object.fromEntries(Object.entries(FLOWS).filter(([name]) => name === kind || name === `on_${kind}`));
  const pack = makePack({ flows, components: { shop: 'http = ["https://shop.example.com"]' } });
  made.set(kind, pack);
  return pack;
}

/** Where a talk's flow runs: a team for each kind. */
export function placeOf(talk: { readonly tenant: string; readonly kind: TalkKind }): PackApp["scope"] & {
  readonly team: ReturnType<typeof teamId>;
} {
  return { env: ENV, tenant: tenantId(talk.tenant), team: teamId(talk.kind) };
}
