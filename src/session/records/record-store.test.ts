import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import { sessionStoreContract } from "../../../conformance/session-store.ts";
import type { World } from "../../types/index.ts";
import type { SessionStore } from "../store.ts";
import { openRecordStore } from "./record-store.ts";

const data = new WeakMap<SessionStore, MemoryRecords>();

function openOver(records: MemoryRecords, world: World, shards: number): SessionStore {
  const store = openRecordStore(memorySpace(records), { world, clock: "world", shards });
  data.set(store, records);
  return store;
}

for (const shards of [1, 16]) {
  sessionStoreContract(`records in ${shards} shards`, {
    open: async (world) => openOver(new MemoryRecords(), world, shards),
    crash: async (store, world) => openOver(data.get(store) ?? new MemoryRecords(), world, shards),
    holdsOutliveCrash: true,
  });
}
