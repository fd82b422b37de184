import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ComponentCall } from "../component/index.ts";
import type { JsonValue, TenantCtx } from "../types/index.ts";
import type { PackApp } from "./load-pack.ts";
import { ENV, makePack, openTestRuntime, TENANT } from "./runtime-fixture.ts";
import type { TestRuntime } from "./runtime-fixture.ts";

const FLOW = `
id: default
type: messaging
start: call
nodes:
  call:
    provider.invoke:
      provider_type: "{{in.text}}"
      op: send
      input: { to: ada }
      in_map: { chat: /input/to, said: "{{in.text}}" }
      out_map: { id: /result/message_id }
      err_map: { why: "{{error.code}}", was: "{{result.message}}" }
    retry: { max_attempts: 2, base_delay_ms: 10 }
    routing: [{ on: error, to: failed }, { to: sent }]
  sent: { message.send: { text: "sent {{call.id}}" }, routing: out }
  failed: { message.send: { text: "failed {{call.why}} {{call.was}}" }, routing: out }
`;

interface Opened extends TestRuntime {
  readonly calls: { readonly ctx: TenantCtx; readonly call: ComponentCall }[];
}

async function open(answer: (call: ComponentCall, count: number) => JsonValue): Promise<Opened> {
  const provider = await makePack({
    name: "chat",
    provides: ["messaging.chat.bot"],
    flows: { none: "id: none\ntype: job\nnodes: { a: { state.get: { key: k } } }\n" },
    components: { sender: 'http = ["https://api.example.com"]\nsecrets = ["api_key"]' },
  });
  const double = await makePack({
    name: "double",
    provides: ["messaging.double"],
    flows: { none: "id: none\ntype: job\nnodes: { a: { state.get: { key: k } } }\n" },
    components: { one: "", two: "" },
  });
  const app = await makePack({ flows: { default: FLOW }, components: { own: "" } });
  const scope = { env: ENV, tenant: TENANT };
  const apps: PackApp[] = [app, provider, double].map((pack) => ({ scope, pack }));
  const calls: Opened["calls"] = [];
  const component = (ctx: TenantCtx, call: ComponentCall): JsonValue => {
    calls.push({ ctx, call });
    return answer(call, calls.length);
  };
  return Object.assign(await openTestRuntime({ apps, component }), { calls });
}

describe("provider.invoke", () => {
  test("calls the provider of another pack with that pack's grants, through its maps", async () => {
    verifies("kinds.provider", "flow.maps");
    const { texts, calls } = await open(() => ({ ok: true, message_id: "m1" }));
    expect(await texts("messaging.chat.bot")).toEqual(["sent m1"]);
    expect(calls[0]?.call).toMatchObject({
      component: "chat.sender",
      operation: "send",
      input: { chat: "ada", said: "messaging.chat.bot" },
      grants: { http: ["https://api.example.com"], secrets: ["api_key"] },
    });
    expect(await texts("own")).toEqual(["sent m1"]);
    expect(calls[1]?.call).toMatchObject({ component: "own", grants: { http: [], secrets: [] } });
  });

  test("makes ok: false an error, and tries again what may pass under the same idempotency key", async () => {
    const { say, world, calls } = await open((_call, count) =>
      count === 1
        ? { ok: false, error: { code: "BUSY", message: "wait", retryable: true, backoff_ms: 5_000 } }
        : { ok: false, error: "unsupported op: send" },
    );
    const said = say("messaging.chat.bot");
    await world.advance(4_000);
    expect(calls).toHaveLength(1);
    await world.advance(2_000);
    expect((await said).reply[0]?.text).toBe("failed COMPONENT_FAILED ");
    expect(calls).toHaveLength(2);
    expect(calls[1]?.ctx.idempotencyKey).toBe(calls[0]?.ctx.idempotencyKey);
    expect(calls.map(({ ctx }) => ctx.attempt)).toEqual([1, 2]);
  });

  test("fails with the message of a provider that gives no error record", async () => {
    const { texts } = await open(() => ({ ok: false, message: "chat is gone", retryable: false }));
    expect(await texts("messaging.chat.bot")).toEqual(["failed PROVIDER_FAILED chat is gone"]);
  });

  test("names the provider that nobody has, and the pack that has too many", async () => {
    const { texts } = await open(() => ({}));
    expect(await texts("messaging.none")).toEqual(["failed RUNNER_PROVIDER_MISSING "]);
    expect(await texts("messaging.double")).toEqual(["failed RUNNER_PROVIDER_AMBIGUOUS "]);
  });
});
