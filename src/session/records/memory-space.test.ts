import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import { recordSpaceContract } from "../../../conformance/record-space.ts";
import type { RecordSpace } from "./space.ts";

const records = new WeakMap<RecordSpace, MemoryRecords>();

function open(shared: MemoryRecords): RecordSpace {
  const space = memorySpace(shared);
  records.set(space, shared);
  return space;
}

recordSpaceContract("memory", {
  open: async () => open(new MemoryRecords()),
  again: async (space) => open(records.get(space) ?? new MemoryRecords()),
  clockMs: 50,
});
