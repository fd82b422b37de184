import { describe, expect, test } from "vitest";
import { teamId, tenantId } from "../types/index.ts";
import type { AccessScope, AccessTarget } from "./index.ts";
import { decideAccess, parseAccessMap } from "./index.ts";
import { verifies } from "../../test/verifies.ts";

const [acme, support, sales] = [tenantId("acme"), teamId("support"), teamId("sales")];
const map = (text: string): ReturnType<typeof parseAccessMap> => parseAccessMap(text, "tenant.gmap");
const scope = (text: string, options: Partial<AccessScope> = {}): AccessScope => ({
  tenant: acme,
  map: map(text),
  otherwise: "forbidden",
  ...options,
});
const at = (path: string, team = sales): AccessTarget => {
  const [pack = "", flow, node] = path.split("/");
  return { tenant: acme, team, packs: [pack], ...(flow && { flow }), ...(node && { node }) };
};

test("parseAccessMap() reads rules with their places, and passes over comments and empty lines", () => {
  verifies("bundle.access");
  expect(map("# who\n_ = forbidden\r\n\n  shop/orders = public # all\n").rules).toEqual([
    { path: "_", policy: "forbidden", at: { file: "tenant.gmap", line: 2, column: 1 } },
    {
      path: "shop/orders",
      pack: "shop",
      flow: "orders",
      policy: "public",
      at: { file: "tenant.gmap", line: 4, column: 3 },
    },
  ]);
});

test.each([
  ["shop", "CONFIG_SYNTAX_INVALID", 1],
  ["shop = maybe", "CONFIG_VALUE_INVALID", 8],
  ["shop =", "CONFIG_VALUE_INVALID", 7],
  ["shop = roles:[admin]", "CONFIG_VALUE_INVALID", 8],
  ["  = public", "CONFIG_VALUE_INVALID", 2],
  ["_/orders = public", "CONFIG_VALUE_INVALID", 1],
  ["shop/_/node = public", "CONFIG_VALUE_INVALID", 1],
  ["shop/a/b/c = public", "CONFIG_VALUE_INVALID", 1],
  ["shop//b = public", "CONFIG_VALUE_INVALID", 1],
  ["../shop = public", "CONFIG_VALUE_INVALID", 1],
])("parseAccessMap() refuses %j with %s", (line, code, column) => {
  expect(() => map(`_ = public\n${line}\n`)).toThrow(expect.objectContaining({ code }));
  try {
    map(`_ = public\n${line}\n`);
  } catch (error) {
    expect(error).toMatchObject({ at: { line: 2 } });
    if (column !== 2) expect(error).toMatchObject({ at: { column } });
  }
});

describe("decideAccess()", () => {
  test.each([
    ["_ = public", "shop/orders", "public"],
    ["_ = public\nshop = forbidden", "shop/orders", "forbidden"],
    ["_ = public\nshop = forbidden", "other/orders", "public"],
    ["shop = forbidden\nshop/_ = public", "shop/orders", "forbidden"],
    ["shop/_ = public\n_ = forbidden", "shop/orders", "public"],
    ["shop/orders = public\nshop = forbidden", "shop/orders", "public"],
    ["shop/orders = public\nshop = forbidden", "shop/refunds", "forbidden"],
    ["shop/orders/admin = forbidden\nshop/orders = public", "shop/orders/admin", "forbidden"],
    ["shop/orders/admin = forbidden\nshop/orders = public", "shop/orders/start", "public"],
    ["shop = forbidden\nshop = public", "shop/orders", "public"],
    ["shop = public\nshop = forbidden", "shop/orders", "forbidden"],
    ["other = public", "shop/orders", "forbidden"],
    ["# nothing", "shop/orders", "forbidden"],
  ])("of %j says that %s is %s", (text, path, policy) => {
    verifies("bundle.access");
    expect(decideAccess([scope(text)], at(path)).policy).toBe(policy);
  });

  test("lets a team's map go before its tenant's, where it says something", () => {
    verifies("bundle.access");
    const scopes = [scope("_ = forbidden\nshop = public"), scope("shop = forbidden\ndesk = public", { team: support })];
    expect(decideAccess(scopes, at("shop", support)).policy).toBe("forbidden");
    expect(decideAccess(scopes, at("shop", sales)).policy).toBe("public");
    expect(decideAccess(scopes, at("desk", support)).policy).toBe("public");
    expect(decideAccess(scopes, at("desk", sales)).policy).toBe("forbidden");
    expect(decideAccess(scopes, at("other", support))).toMatchObject({ policy: "forbidden", rule: { path: "_" } });
  });

  test("leaves tenants alone that have no map, and knows a pack by its app's name too", () => {
    const scopes = [scope("desk-app = public", { team: support })];
    expect(decideAccess(scopes, { ...at("shop"), tenant: tenantId("other") }).policy).toBe("public");
    expect(decideAccess(scopes, { ...at("desk", support), packs: ["desk", "desk-app"] }).policy).toBe("public");
    expect(decideAccess([scope("", { otherwise: "public" })], at("shop")).policy).toBe("public");
  });
});
