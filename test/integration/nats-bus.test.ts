import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busContract, Inbox } from "../../conformance/bus.ts";
import type { Bus, NatsBusOptions } from "../../src/bus/index.ts";
import { openNatsBus, subjectOf, subjectsBelow } from "../../src/bus/index.ts";
import { createMachineWorld } from "../../src/runner/index.ts";
import type { GreenticError } from "../../src/types/index.ts";
import { channelId, envId, teamId, tenantId } from "../../src/types/index.ts";
import { makeCertificates } from "../stand-ins/certificates.ts";
import type { NatsServer } from "../stand-ins/nats-server.ts";
import { startNatsServer } from "../stand-ins/nats-server.ts";
import { hasServer } from "../stand-ins/server-program.ts";
import { verifies } from "../verifies.ts";

const world = createMachineWorld();
const env = envId("prod");
const place = { env, tenant: tenantId("acme"), team: teamId("default"), channel: channelId("webchat") };
const ingress = subjectOf("ingress", place);
const workers = subjectsBelow("ingress", { env });

describe.skipIf(!hasServer("nats-server"))("over a real nats-server", () => {
  let server: NatsServer;
  const open = (options: Partial<NatsBusOptions> = {}): Promise<Bus> =>
    openNatsBus({ url: server.url, env, world, ...options });

  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  busContract("NATS", { open });

  test("publish() lets one of several wake-ups with the same id through", async () => {
    verifies("bus.nats");
    await using bus = await open();
    await using other = await open();
    const inbox = new Inbox();
    bus.subscribe(workers, inbox.take, { group: "once" });
    await bus.settle();
    for (const from of [bus, other, bus]) from.publish(ingress, "same", { id: "sweep-1" });
    bus.publish(ingress, "next", { id: "sweep-2" });
    await inbox.until((payloads) => payloads.includes("next"));
    expect(inbox.payloads.filter((payload) => payload === "same")).toHaveLength(1);
  });

  test("subscribe() gets a message again that its handler failed on, and one that its subscriber never acknowledged", async () => {
    const errors: GreenticError[] = [];
    await using bus = await open({ onError: (error) => void errors.push(error) });
    const inbox = new Inbox();
    bus.subscribe(
      workers,
      (message) => {
        inbox.take(message);
        if (inbox.got.length === 1) throw new RangeError("once");
      },
      { group: "again" },
    );
    await bus.settle();
    bus.publish(ingress, "x");
    expect(await inbox.until((payloads) => payloads.length === 2)).toEqual(["x", "x"]);
    expect(errors.map(({ code }) => code)).toEqual(["BUS_HANDLER_FAILED"]);
    expect(bus.stats()).toMatchObject({ delivered: 2, redelivered: 1 });

    const silent = await open();
    const [never, taken] = [new Inbox(), new Inbox()];
    silent.subscribe(
      workers,
      (message) => {
        never.take(message);
        return new Promise(() => undefined);
      },
      { group: "silent" },
    );
    await silent.settle();
    bus.publish(ingress, "y");
    await never.until((payloads) => payloads.includes("y"));
    await silent[Symbol.asyncDispose]();
    bus.subscribe(workers, taken.take, { group: "silent" });
    await taken.until((payloads) => payloads.includes("y"));
  });

  test("subscribe() pulls no more than its credits, and what it can't take goes to others", async () => {
    verifies("bus.backpressure");
    await using bus = await open();
    await using other = await open();
    let inHand = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const slow = new Inbox();
    bus.subscribe(
      workers,
      (message) => {
        most = Math.max(most, ++inHand);
        slow.take(message);
        return new Promise<void>((done) => {
          release.push(() => {
            inHand--;
            done();
          });
        });
      },
      { group: "credits", credits: 3 },
    );
    await bus.settle();
    for (let n = 0; n < 20; n++) bus.publish(ingress, n);
    await slow.until((payloads) => payloads.length === 3);
    const quick = new Inbox();
    other.subscribe(workers, quick.take, { group: "credits" });
    await quick.until((payloads) => payloads.length === 17);
    expect(most).toBe(3);
    for (const done of release.splice(0)) done();
    for (let n = 20; n < 60; n++) bus.publish(ingress, n);
    while (slow.got.length + quick.got.length < 60) {
      for (const done of release.splice(0)) done();
      await new Promise(setImmediate);
    }
    expect(most).toBe(3);
    expect([...slow.payloads, ...quick.payloads].toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 60 }, (_unused, n) => n),
    );
    for (const done of release) done();
  });

  test("openNatsBus() keeps the streams of two envs apart", async () => {
    await using prod = await open();
    await using dev = await open({ env: envId("dev") });
    const [mine, theirs] = [new Inbox(), new Inbox()];
    prod.subscribe(workers, mine.take, { group: "apart" });
    dev.subscribe(subjectsBelow("ingress", { env: envId("dev") }), theirs.take, { group: "apart" });
    await Promise.all([prod.settle(), dev.settle()]);
    prod.publish(ingress, "prod");
    dev.publish(subjectOf("ingress", { ...place, env: envId("dev") }), "dev");
    await Promise.all([
      mine.until((payloads) => payloads.includes("prod")),
      theirs.until((payloads) => payloads.includes("dev")),
    ]);
    expect(theirs.payloads).toEqual(["dev"]);
    expect(mine.payloads).not.toContain("dev");
  });

  test("a message that isn't JSON is told of and left out", async () => {
    const { connect } = await import("@nats-io/transport-node");
    const errors: GreenticError[] = [];
    await using bus = await open({ onError: (error) => void errors.push(error) });
    const inbox = new Inbox();
    bus.subscribe(workers, inbox.take, { group: "strict" });
    await bus.settle();
    const stranger = await connect({ servers: server.url });
    for (const text of ["{", "\u0000", `${"[".repeat(100)}${"]".repeat(100)}`]) stranger.publish(ingress, text);
    await stranger.drain();
    bus.publish(ingress, "fine");
    await inbox.until((payloads) => payloads.includes("fine"));
    expect(errors.map(({ code }) => code).filter((code) => code.startsWith("TYPES_JSON"))).toHaveLength(3);
    expect(inbox.payloads.filter((payload) => payload !== "fine" && typeof payload !== "number")).toEqual([]);
  });
});

describe.skipIf(!hasServer("nats-server"))("when a real nats-server comes and goes", () => {
  test("a bus drops what is published while it is down, and carries on over the new server", async () => {
    verifies("bus.reconnects");
    await using server = await startNatsServer();
    await using bus = await openNatsBus({ url: server.url, env, world });
    await using other = await openNatsBus({ url: server.url, env, world });
    const [grouped, all] = [new Inbox(), new Inbox()];
    bus.subscribe(workers, grouped.take, { group: "workers" });
    bus.subscribe(subjectsBelow("log", { env }), all.take);
    await bus.settle();
    other.publish(ingress, "before");
    await grouped.until((payloads) => payloads.includes("before"));
    await server.stop();
    await expect.poll(() => [bus.isReady, other.isReady]).toEqual([false, false]);
    const { published } = other.stats();
    for (let n = 0; n < 1_000; n++) other.publish(ingress, n);
    expect(other.stats()).toMatchObject({ published, dropped: 1_000 });
    // The server comes back with nothing in memory: stream and consumers are made anew.
    await server.start();
    await expect.poll(() => [bus.isReady, other.isReady], { timeout: 20_000 }).toEqual([true, true]);
    await bus.settle();
    other.publish(ingress, "after");
    other.publish(subjectOf("log", place), "told");
    await grouped.until((payloads) => payloads.includes("after"));
    await all.until((payloads) => payloads.includes("told"));
    expect(grouped.payloads).toEqual(["before", "after"]);
  });

  test("openNatsBus() doesn't wait for a server that isn't there yet", async () => {
    await using server = await startNatsServer();
    await server.stop();
    const errors: GreenticError[] = [];
    await using bus = await openNatsBus({
      url: server.url,
      env,
      world,
      onError: (error) => void errors.push(error),
    });
    expect(bus.isReady).toBe(false);
    expect(errors.map(({ code }) => code)).toEqual(["BUS_UNAVAILABLE"]);
    const inbox = new Inbox();
    bus.subscribe(workers, inbox.take, { group: "workers" });
    bus.publish(ingress, "lost");
    expect(bus.stats().dropped).toBe(1);
    await server.start();
    await bus.settle();
    bus.publish(ingress, "heard");
    expect(await inbox.until((payloads) => payloads.includes("heard"))).toEqual(["heard"]);
  });

  test("openNatsBus() shows a password or token, and says what is wrong without them", async () => {
    await using server = await startNatsServer({ args: ["--user", "greentic", "--pass", "s3cret/word"] });
    const at = `127.0.0.1:${server.port}`;
    await using bus = await openNatsBus({ url: `nats://greentic:s3cret%2Fword@${at}`, env, world });
    expect(bus.isReady).toBe(true);
    const wrong = openNatsBus({ url: `nats://greentic:another@${at}`, env, world });
    await expect(wrong).rejects.toMatchObject({ code: "BUS_CREDENTIAL_INVALID" });
    await expect(wrong).rejects.not.toThrow(/another|greentic:/);
    await expect(openNatsBus({ url: server.url, env, world })).rejects.toMatchObject({
      code: "BUS_CREDENTIAL_INVALID",
    });
    const credentialsFile = "/nowhere/bus.creds";
    await expect(openNatsBus({ url: server.url, env, world, credentialsFile })).rejects.toMatchObject({
      code: "BUS_CREDENTIAL_INVALID",
    });
    await using tokens = await startNatsServer({ args: ["--auth", "t0ken"] });
    await using second = await openNatsBus({ url: `nats://t0ken@127.0.0.1:${tokens.port}`, env, world });
    expect(second.isReady).toBe(true);
    await expect(openNatsBus({ url: "http://host:4222", env, world })).rejects.toMatchObject({
      code: "BUS_URL_INVALID",
    });
  });

  test("openNatsBus() proves by a credentials file who it is", async () => {
    const { createUser } = await import("@nats-io/transport-node").then(({ nkeys }) => nkeys);
    const user = createUser();
    const dir = mkdtempSync(join(tmpdir(), "greentic-creds-"));
    const configFile = join(dir, "nats.conf");
    writeFileSync(configFile, `authorization { users = [ { nkey: "${user.getPublicKey()}" } ] }\n`);
    const credentialsFile = join(dir, "bus.creds");
    const credsOf = (seed: Uint8Array): string =>
      `-----BEGIN NATS USER JWT-----\nbm9uZQ\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${Buffer.from(seed).toString()}\n------END USER NKEY SEED------\n`;
    writeFileSync(credentialsFile, credsOf(user.getSeed()));
    await using server = await startNatsServer({ args: ["-c", configFile] });
    await using bus = await openNatsBus({ url: server.url, env, world, credentialsFile });
    expect(bus.isReady).toBe(true);
    writeFileSync(credentialsFile, credsOf(createUser().getSeed()));
    await expect(openNatsBus({ url: server.url, env, world, credentialsFile })).rejects.toMatchObject({
      code: "BUS_CREDENTIAL_INVALID",
    });
  });

  test.skipIf(!hasServer("openssl"))(
    "openNatsBus() speaks TLS, shows its certificate and believes one authority alone",
    async () => {
      const { caFile, certFile, keyFile } = makeCertificates();
      await using server = await startNatsServer({
        args: ["--tlsverify", `--tlscert=${certFile}`, `--tlskey=${keyFile}`, `--tlscacert=${caFile}`],
      });
      const url = `tls://localhost:${server.port}`;
      await using bus = await openNatsBus({ url, env, world, tls: { caFile, certFile, keyFile } });
      expect(bus.isReady).toBe(true);
      const inbox = new Inbox();
      bus.subscribe(workers, inbox.take, { group: "workers" });
      await bus.settle();
      bus.publish(ingress, "sealed");
      expect(await inbox.until((payloads) => payloads.length === 1)).toEqual(["sealed"]);
      const other = makeCertificates();
      for (const tls of [undefined, { caFile }, { caFile: other.caFile, certFile, keyFile }]) {
        const errors: GreenticError[] = [];
        await using refused = await openNatsBus({
          url,
          env,
          world,
          ...(tls && { tls }),
          onError: (error) => void errors.push(error),
        });
        await expect.poll(() => errors.length).toBeGreaterThan(0);
        expect(refused.isReady).toBe(false);
      }
    },
  );

  test("a process that stands still holds up nobody, and its memory stays what it was", async () => {
    verifies("bus.slow-consumer");
    await using server = await startNatsServer();
    await using bus = await openNatsBus({ url: server.url, env, world });
    await using stuck = await openNatsBus({ url: server.url, env, world });
    const never = new Inbox();
    stuck.subscribe(
      workers,
      (message) => {
        never.take(message);
        return new Promise(() => undefined);
      },
      { group: "workers", credits: 16 },
    );
    await stuck.settle();
    const quick = new Inbox();
    bus.subscribe(workers, quick.take, { group: "workers" });
    await bus.settle();
    const COUNT = 20_000;
    for (let n = 0; n < COUNT; n++) {
      bus.publish(ingress, n);
      if (n % 1_000 === 999) await new Promise(setImmediate);
      while (bus.stats().published < n - 5_000) await new Promise(setImmediate);
    }
    // What the stuck one has in hand comes to the other once its time of acknowledgement is over.
    await quick.until((payloads) => payloads.length >= COUNT && new Set(payloads).size === COUNT);
    expect(never.got).toHaveLength(16);
    expect(bus.stats().dropped).toBe(0);
  });
});
