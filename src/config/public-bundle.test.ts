import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { tenantId, teamId } from "../types/index.ts";
import { decideAccess, imageFiles, readBundle, readBundleFiles } from "./index.ts";
import { verifies } from "../../test/verifies.ts";

type Texts = Readonly<Record<string, unknown>>;
const image = (texts: Texts): ReturnType<typeof imageFiles> =>
  imageFiles(
    "/b/x.gtbundle",
    new Map(
      Object.entries(texts).map(([path, value]) => [
        path,
        Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
      ]),
    ),
  );

const MANIFEST = {
  format_version: "gtbundle-v1",
  bundle_id: "shop",
  bundle_name: "Shop",
  requested_mode: "create",
  artifact_extension: ".gtbundle",
  app_packs: ["./packs/shop", "/home/author/desk.gtpack"],
  extension_providers: ["oci://registry.example.com/packs/messaging-webchat-gui@sha256:00"],
  generated_resolved_files: ["resolved/acme.yaml"],
  resolved_targets: [
    {
      path: "resolved/acme.yaml",
      tenant: "acme",
      default_policy: "forbidden",
      tenant_gmap: "tenants/acme/tenant.gmap",
      app_pack_policies: [{ reference: "./packs/shop", policy: "public" }],
    },
  ],
};
const PUBLIC: Texts = {
  "bundle.yaml":
    "schema_version: 1\nbundle_id: shop\nbundle_name: Shop\nmode: create\napp_packs:\n  - ./packs/shop\n  - /home/author/desk.gtpack\n  - /tmp/messaging-telegram.gtpack\napp_pack_mappings:\n  - { reference: /home/author/desk.gtpack, scope: team, tenant: acme, team: support }\n",
  "bundle-manifest.json": MANIFEST,
  "bundle-lock.json": { schema_version: 1, bundle_id: "shop", requested_mode: "create", setup_state_files: [] },
  "resolved/acme.yaml": "tenant: acme\n",
  "packs/shop/dist/shop.gtpack": "x",
  "packs/desk.gtpack": "x",
  "packs/messaging-telegram.gtpack": "x",
  "providers/messaging/messaging-webchat-gui.gtpack": "x",
  "providers/state/state-memory.gtpack": "x",
  "state/setup/messaging-telegram.json": {
    "messaging-telegram": { enabled: true, public_base_url: "https://shop.example.com", telegram_bot_token: "1:x" },
  },
};

test("readBundleFiles() reads a public image: apps where the tools put them, providers, targets, settings", () => {
  verifies("bundle.public");
  const bundle = readBundleFiles(image(PUBLIC));
  expect(bundle).toMatchObject({ id: "shop", tenant: "acme", team: "default", file: "/b/x.gtbundle!/bundle.yaml" });
  expect(bundle.apps).toMatchObject([
    { name: "shop", pack: "/b/x.gtbundle!/packs/shop/dist/shop.gtpack", tenant: "acme" },
    { name: "desk", pack: "/b/x.gtbundle!/packs/desk.gtpack", tenant: "acme", team: "support" },
  ]);
  expect(bundle.providers).toMatchObject([
    { name: "messaging-webchat-gui", type: "webchat", tenant: "acme" },
    { name: "state-memory", pack: "/b/x.gtbundle!/providers/state/state-memory.gtpack" },
    {
      name: "messaging-telegram",
      type: "telegram",
      pack: "/b/x.gtbundle!/packs/messaging-telegram.gtpack",
      config: { public_base_url: "https://shop.example.com" },
    },
  ]);
  // What is secret stays out of the configuration.
  expect(JSON.stringify(bundle.providers)).not.toContain("1:x");
});

test("readBundleFiles() takes what was resolved where the maps themselves aren't in the image", () => {
  verifies("bundle.access");
  const { access = [] } = readBundleFiles(image(PUBLIC));
  const place = { tenant: tenantId("acme"), team: teamId("default") };
  expect(decideAccess(access, { ...place, packs: ["shop"] }).policy).toBe("public");
  expect(decideAccess(access, { ...place, packs: ["desk"] }).policy).toBe("forbidden");
  const withMap = image({ ...PUBLIC, "tenants/acme/tenant.gmap": "_ = forbidden\ndesk = public\n" });
  expect(decideAccess(readBundleFiles(withMap).access ?? [], { ...place, packs: ["desk"] }).policy).toBe("public");
});

test.each([
  ["a lock of another bundle", { "bundle-lock.json": { bundle_id: "other" } }, "CONFIG_BUNDLE_INCONSISTENT"],
  [
    "another mode",
    { "bundle.yaml": "schema_version: 1\nbundle_id: shop\nmode: update\n" },
    "CONFIG_BUNDLE_INCONSISTENT",
  ],
  [
    "a file that is listed and isn't there",
    { "bundle-manifest.json": { ...MANIFEST, generated_resolved_files: ["resolved/x.yaml"] } },
    "CONFIG_BUNDLE_INCONSISTENT",
  ],
  [
    "another format",
    { "bundle-manifest.json": { ...MANIFEST, format_version: "gtbundle-v9" } },
    "CONFIG_VALUE_INVALID",
  ],
  [
    "a pack that isn't there",
    { "bundle.yaml": "app_packs: [/home/author/gone.gtpack]\n" },
    "CONFIG_BUNDLE_PACK_MISSING",
  ],
  ["a rule that nobody knows", { "tenants/acme/tenant.gmap": "_ = roles:[x]\n" }, "CONFIG_VALUE_INVALID"],
  ["a tenant whose name is none", { "tenants/AC ME/tenant.gmap": "_ = public\n" }, "TYPES_ID_INVALID"],
])("readBundleFiles() refuses %s", (_name, change, code) => {
  const read = (): unknown => readBundleFiles(image({ ...PUBLIC, ...change }));
  expect(read).toThrow(expect.objectContaining({ code }));
  expect(read).toThrow(
    expect.objectContaining({ at: expect.objectContaining({ line: expect.any(Number) as number }) as object }),
  );
});

test("readBundleFiles() takes the locked digest for a reference's tag", () => {
  verifies("bundle.lock");
  const digest = `sha256:${"ab".repeat(32)}`;
  const lock = {
    bundle_id: "demo",
    app_packs: [{ reference: "oci://registry.example.com:5000/acme/shop:1.0.0", digest }],
  };
  const { apps } = readBundleFiles(
    image({
      "greentic.demo.yaml": "apps:\n  shop: { pack: 'oci://registry.example.com:5000/acme/shop:1.0.0' }\n",
      "bundle-lock.json": lock,
    }),
  );
  expect(apps[0]?.pack).toBe(`oci://registry.example.com:5000/acme/shop@${digest}`);
});

test("readBundle() reads a directory of the public tools, and maps that greentic.demo.yaml names", async () => {
  verifies("bundle.public", "bundle.access");
  const dir = await mkdtemp(join(tmpdir(), "bundle-"));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  };
  try {
    await write("bundle.yaml", "schema_version: 1\nbundle_id: shop\napp_packs: [packs/shop.gtpack]\ntenant: acme\n");
    expect(readBundle(dir).apps).toMatchObject([
      { name: "shop", pack: join(dir, "packs/shop.gtpack"), tenant: "acme" },
    ]);
    await write("maps/support.gmap", "shop = public\n");
    await write(
      "greentic.demo.yaml",
      "tenant: acme\naccess:\n  acme/support: maps/support.gmap\nproviders:\n  messaging-telegram: { pack: providers/messaging-telegram.gtpack }\n",
    );
    const { access = [], providers } = readBundle(dir);
    expect(providers).toMatchObject([{ name: "messaging-telegram", type: "telegram" }]);
    const target = { tenant: tenantId("acme"), packs: ["desk"] };
    expect(decideAccess(access, { ...target, team: teamId("support") }).policy).toBe("forbidden");
    expect(decideAccess(access, { ...target, team: teamId("sales") }).policy).toBe("public");
    await write("greentic.demo.yaml", "access:\n  acme: maps/gone.gmap\n");
    expect(() => readBundle(dir)).toThrow(
      expect.objectContaining({ code: "CONFIG_FILE_MISSING", at: expect.objectContaining({ line: 2 }) as object }),
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});
