import { describe } from "vitest";
import { brokenLinkCases } from "../../../conformance/session-store/broken-links.ts";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { AWS_REGION, useAwsKey } from "../../../test/stand-ins/aws-key.ts";
import { startDynamo } from "../../../test/stand-ins/dynamodb-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { openDynamoStore } from "../index.ts";
import type { SessionStore } from "../index.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();

describe.skipIf(!hasPeers)("between a store and DynamoDB (skipped where npm run peers has not been run)", () => {
  useAwsKey();
  brokenLinkCases({
    start: async () => {
      const server = await startDynamo();
      const open = (port: number, prefix: string): Promise<SessionStore> =>
        openDynamoStore({
          endpoint: `http://127.0.0.1:${port}`,
          region: AWS_REGION,
          table: `table-${prefix}`,
          sdkDir,
          world,
        });
      return {
        port: server.port,
        open,
        written: () => Promise.resolve(server.done),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    storm: { resetAfterMs: (n) => 200 + (n % 7) * 100, turns: 4, timeoutMs: 240_000 },
    verify: () => verifies("stores.dynamodb.again"),
  });
});
