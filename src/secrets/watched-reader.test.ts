import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { DEFAULT_TEAM, envId, GreenticError, tenantId } from "../types/index.ts";
import type { SecretRead } from "./watched-reader.ts";
import { readAs, watchedReader } from "./watched-reader.ts";

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
  const reads: SecretRead[] = [];
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
