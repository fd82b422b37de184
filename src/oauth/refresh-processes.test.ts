import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startOidcStandIn } from "../../test/stand-ins/oidc-server.ts";
import { hasRedis, startRedis } from "../../test/stand-ins/redis-server.ts";
import { verifies } from "../../test/verifies.ts";
import { openRedisStore } from "../session/index.ts";
import { SealedSecretStore } from "../secrets/index.ts";
import { Browser, declare, MovedWorld, openBroker, ownerAt } from "./broker-fixture.ts";

const HOUR_MS = 3_600_000;
const CHILD = new URL("refresh.child.ts", import.meta.url);

test.skipIf(!hasRedis)(
  "two processes that ask 50 times each at once renew once, over Redis and one file of secrets, generation by generation",
  async () => {
    verifies("oauth.refresh.once");
    await using server = await startRedis();
    await using provider = await startOidcStandIn({ delayMs: 50 });
    const file = join(mkdtempSync(join(tmpdir(), "greentic-refresh-")), "secrets.sealed");
    const world = new MovedWorld();
    await using store = await openRedisStore({ url: server.url, world });
    const grants = new SealedSecretStore({ file, keyFile: `${file}.key` });
    const { broker } = openBroker({ providers: [declare("drive", provider.issuer)] }, { world, store, grants });
    await new Browser().connect(broker, { owner: ownerAt("drive") });
    const seen = new Set([(await broker.grants.token(ownerAt("drive"))).accessToken]);
    for (const generation of [1, 2]) {
      provider.requests.length = 0;
      const children = [1, 2].map(() =>
        fork(CHILD, [server.url, file, provider.issuer, String(generation * HOUR_MS)], { execArgv: [] }),
      );
      await Promise.all(children.map((child) => once(child, "message")));
      const answers = children.map((child) => once(child, "message") as Promise<[readonly string[]]>);
      for (const child of children) child.send("go");
      const ends = Promise.all(children.map((child) => once(child, "exit")));
      const got = (await Promise.all(answers)).flatMap(([tokens]) => tokens);
      expect((await ends).map(([code]) => code as number)).toEqual([0, 0]);
      // One token for both, and a new one.
      const [token = ""] = got;
      expect([got, seen.has(token), provider.tokens.has(token)]).toEqual([[token, token], false, true]);
      expect(provider.requests.map((form) => form.get("grant_type"))).toEqual(["refresh_token"]);
      expect(await broker.grants.read(ownerAt("drive"))).toMatchObject({ generation, accessToken: token });
      seen.add(token);
    }
  },
  60_000,
);
