import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { loadConfig } from "../config/index.ts";
import { safeConfigRows } from "./config-rows.ts";

test("safeConfigRows() hides logins and what stands below names of secrets", () => {
  verifies("admin.resources");
  const config = loadConfig({
    cwd: "/nowhere",
    environment: { GREENTIC_HTTP_REWRITE: "https://a=http://user:hunter2@b" },
    flags: { store: "memory" },
  });
  const rows = safeConfigRows({ ...config, secrets: { ...config.secrets, token: "hunter2" } as typeof config.secrets });
  expect(JSON.stringify(rows)).not.toContain("hunter2");
  expect(rows).toContainEqual({ key: "server.port", value: 8080, origin: "default" });
  expect(rows).toContainEqual({
    key: "network.rewrite",
    value: "https://a=http://(hidden)@b",
    origin: "environment",
  });
});
