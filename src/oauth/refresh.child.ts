// One of the processes of a test: once it is told to, it asks for the same token 50 times at once, and says what it got.
import { once } from "node:events";
import { openRedisStore } from "../session/index.ts";
import { SealedSecretStore } from "../secrets/index.ts";
import { declare, MovedWorld, openBroker, ownerAt } from "./broker-fixture.ts";

const [url = "", file = "", issuer = "", aheadMs = ""] = process.argv.slice(2);
const world = new MovedWorld();
world.aheadMs = Number(aheadMs);
await using store = await openRedisStore({ url, world });
const grants = new SealedSecretStore({ file, keyFile: `${file}.key` });
const { broker } = openBroker({ providers: [declare("drive", issuer)] }, { world, store, grants });
process.send?.("ready");
await once(process, "message");
const tokens = await Promise.all(Array.from({ length: 50 }, () => broker.grants.token(ownerAt("drive"))));
process.send?.([...new Set(tokens.map(({ accessToken }) => accessToken))]);
process.disconnect?.();
