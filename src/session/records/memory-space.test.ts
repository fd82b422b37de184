import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import { recordSpaceContract } from "../../../conformance/record-space.ts";

recordSpaceContract("memory", async () => memorySpace(new MemoryRecords()));
