import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDeployment } from "../../src/deployer/deployment-fixture.ts";
import { findTarget } from "../../src/deployer/targets/catalog.ts";
import type { LambdaRuntime } from "../stand-ins/lambda-runtime.ts";
import { startLambdaRuntime } from "../stand-ins/lambda-runtime.ts";
import type { RedisServer } from "../stand-ins/redis-server.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import { verifies } from "../verifies.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function call(path: string, { method = "POST", token = "", body = "" } = {}): object {
  return {
    version: "2.0",
    rawPath: path,
    rawQueryString: "",
    headers: {
      host: "x.lambda-url.eu-central-1.on.aws",
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    requestContext: { http: { method, path } },
    ...(body && { body: Buffer.from(body).toString("base64"), isBase64Encoded: true }),
  };
}

const jsonOf = ({ body }: Answer): Readonly<Record<string, never>> =>
  JSON.parse(Buffer.from(body, "base64").toString()) as Readonly<Record<string, never>>;

describe.skipIf(!hasRedis)("a function of AWS Lambda, over Redis", () => {
  let redis: RedisServer;
  let lambda: LambdaRuntime;
  let host: HostProcess;

  beforeAll(async () => {
    [redis, lambda] = await Promise.all([startRedis(), startLambdaRuntime()]);
    // The template's own arguments, but for places of this machine.
    const deployment = makeDeployment({ table: { platform: "lambda" } });
    const template = JSON.parse((await findTarget("serverless").render(deployment)).get("template.json") ?? "") as {
      readonly Resources: {
        readonly Host: { readonly Properties: { readonly ImageConfig: { readonly Command: readonly string[] } } };
      };
    };
    const data = mkdtempSync(join(tmpdir(), "greentic-lambda-"));
    const places: Readonly<Record<string, string>> = { "/tmp/greentic": data, "8080": "0" };
    const [verb, bundle, ...args] = template.Resources.Host.Properties.ImageConfig.Command;
    expect([verb, bundle]).toEqual(["start", "/bundle/app.gtbundle"]);
    host = await startHostProcess(join(ROOT, "examples/weather-demo"), {
      args: args.map((word) => places[word] ?? word),
      env: {
        AWS_LAMBDA_RUNTIME_API: lambda.api,
        GREENTIC_REDIS_URL: redis.url,
        GREENTIC_TOKEN_KEY: "0123456789abcdef0123456789abcdef",
        GREENTIC_LOG_LEVEL: "silent",
      },
    });
  }, 120_000);
  afterAll(async () => {
    await host.kill();
    await lambda[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  test(
    "answers requests by the Runtime API, and has done what they began when it asks for the next",
    { timeout: 120_000 },
    async () => {
      verifies("deploy.lambda", "deploy.serverless", "deploy.command-line");
      const invoke = async (event: object): Promise<Answer> => {
        const posted = await lambda.invoke(event);
        expect(posted.kind).toBe("response");
        return posted.body as Answer;
      };
      const base = "/v1/messaging/webchat/demo/v3/directline";
      const { token = "" } = jsonOf(await invoke(call(`${base}/tokens/generate`))) as { readonly token?: string };
      const opened = jsonOf(await invoke(call(`${base}/conversations`, { token }))) as {
        readonly conversationId?: string;
        readonly token?: string;
      };
      const place = `${base}/conversations/${opened.conversationId ?? ""}/activities`;
      const said = { type: "message", text: "/weather", from: { id: "ada" } };
      const own = opened.token ?? "";
      expect((await invoke(call(place, { token: own, body: JSON.stringify(said) }))).statusCode).toBe(200);
      await lambda.asked();
      const { activities } = jsonOf(await invoke(call(place, { method: "GET", token: own }))) as unknown as {
        readonly activities: readonly { readonly text?: string }[];
      };
      expect(activities.map(({ text }) => text)).toContain("Which city?");
    },
  );

  test("is woken by a clock, and tells what it can't serve by its code alone", { timeout: 120_000 }, async () => {
    verifies("deploy.lambda");
    expect(await lambda.invoke({ greentic: "tick" })).toEqual({ kind: "response", body: { ok: true } });
    expect(await lambda.invoke({ Records: [{ body: "secret" }] })).toEqual({
      kind: "error",
      body: { errorType: "GATEWAY_EVENT_INVALID", errorMessage: "the invocation failed; the host's log says more" },
    });
    const { statusCode } = (await lambda.invoke(call("/healthz", { method: "GET" }))).body as Answer;
    expect(statusCode).toBe(200);
    expect(await host.stop()).toBe(0);
  });
});
