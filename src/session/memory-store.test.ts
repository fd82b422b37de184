import { expect, test } from "vitest";
import { sessionStoreContract } from "../../conformance/session-store.ts";
import { KEY, ManualWorld, runTurn } from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { openMemoryStore } from "./index.ts";

sessionStoreContract("memory", { open: async (world) => openMemoryStore(world) });

test("openMemoryStore() says that nothing survives, and nothing does", async () => {
  verifies("session.memory");
  const world = new ManualWorld();
  {
    await using store = openMemoryStore(world);
    await runTurn(store);
    expect(store.isDurable).toBe(false);
    expect(await store.read(KEY)).toMatchObject({ session: { revision: 1 } });
  }
  await using store = openMemoryStore(world);
  expect(await store.read(KEY)).toBeUndefined();
});
