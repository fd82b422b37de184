import { openRecordStore } from "../records/record-store.ts";
import type { SessionStore } from "../store.ts";
import type { DynamoPlaceOptions } from "./dynamodb-space.ts";
import { openDynamoSpace } from "./dynamodb-space.ts";

/** A partition takes 1,000 write units a second, and a turn takes some of each index. */
const SHARDS = 4;

/** Opens a store of sessions in DynamoDB. @throws what {@link openDynamoSpace} throws */
export async function openDynamoStore(options: DynamoPlaceOptions): Promise<SessionStore> {
  return openRecordStore(await openDynamoSpace(options), { world: options.world, shards: SHARDS });
}
