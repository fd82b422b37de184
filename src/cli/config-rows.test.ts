import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { loadConfig } from "../config/index.ts";
import { configRows, safeConfigRows } from "./config-rows.ts";
import { redactorOf } from "./known-secrets.ts";

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

test("configRows() shows no token of libSQL, and logs know it", () => {
  verifies("stores.libsql.token");
  const environment = { GREENTIC_LIBSQL_URL: "libsql://db.example.com", GREENTIC_LIBSQL_TOKEN: "hunter2-and-more" };
  const config = loadConfig({ cwd: "/nowhere", environment, flags: {} });
  const rows = configRows(config);
  expect(rows).toContainEqual({ key: "libsql.url", value: "libsql://db.example.com", origin: "environment" });
  expect(rows).toContainEqual({ key: "libsql.token", value: "***", origin: "environment" });
  expect(JSON.stringify(rows)).not.toContain("hunter2");
  expect(redactorOf(config).redact("refused hunter2-and-more")).not.toContain("hunter2");
});
