import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { DEFAULT_TEAM, envId, GreenticError, tenantId } from "../types/index.ts";
import type { SecretUse } from "./watched-reader.ts";
import { readAs, watchedReader, watchedWriter, writeAs } from "./watched-reader.ts";

const CTX = {
  env: envId("dev"),
  tenant: tenantId("acme"),
  team: DEFAULT_TEAM,
  traceId: "",
  correlationId: "",
  attempt: 1,
  locale: "en",
};

test("watchedReader() tells of every read who, which and what came of it, and never what it is", async () => {
  verifies("audit.secrets");
  const reads: SecretUse[] = [];
  const reader = watchedReader(
    {
      get: async (_ctx, _category, name) => {
        if (name === "away") throw new GreenticError("SECRETS_BACKEND_UNAVAILABLE", "Ask Vault: down");
        return name === "none" ? undefined : "hunter2";
      },
    },
    { actor: "host", tell: (read) => reads.push(read) },
  );
  const component = readAs(reader, "component:weather");
  expect(await component.get(CTX, "app", "API-KEY")).toBe("hunter2");
  expect(await reader.get(CTX, "app", "none")).toBeUndefined();
  await expect(readAs(component, "channel:slack").get(CTX, "slack", "away")).rejects.toThrow("down");
  expect(reads.map(({ actor, address, outcome, code }) => [actor, address, outcome, code])).toEqual([
    ["component:weather", "secrets://dev/acme/_/app/api_key", "allowed", undefined],
    ["host", "secrets://dev/acme/_/app/none", "failed", "SECRETS_NOT_FOUND"],
    ["channel:slack", "secrets://dev/acme/_/slack/away", "failed", "SECRETS_BACKEND_UNAVAILABLE"],
  ]);
  expect(JSON.stringify(reads)).not.toContain("hunter2");
});

test("watchedWriter() tells of every write, and never what it is", async () => {
  verifies("audit.secrets");
  const writes: SecretUse[] = [];
  const kept: string[] = [];
  const writer = watchedWriter(
    {
      put: async (_ctx, _category, name, value) => {
        if (name === "full") throw new GreenticError("SECRETS_BACKEND_FAILED", "Keep secret: no room");
        kept.push(value);
      },
    },
    { actor: "host", tell: (use) => writes.push(use) },
  );
  await writeAs(writer, "component:weather").put(CTX, "app", "token", "hunter2");
  await expect(writer.put(CTX, "app", "full", "hunter3")).rejects.toThrow("room");
  expect(kept).toEqual(["hunter2"]);
  expect(writes.map(({ actor, address, outcome, code }) => [actor, address, outcome, code])).toEqual([
    ["component:weather", "secrets://dev/acme/_/app/token", "allowed", undefined],
    ["host", "secrets://dev/acme/_/app/full", "failed", "SECRETS_BACKEND_FAILED"],
  ]);
  expect(JSON.stringify(writes)).not.toContain("hunter");
});
