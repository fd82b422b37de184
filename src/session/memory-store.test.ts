import { sessionStoreContract } from "../../conformance/session-store.ts";
import { openMemoryStore } from "./index.ts";

sessionStoreContract("memory", { open: async (world) => openMemoryStore(world) });
