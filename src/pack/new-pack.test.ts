import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPack } from "./build-pack.ts";
import { newPackFiles, writeNewPack } from "./new-pack.ts";
import { EMPTY_COMPONENT, sourceFolder } from "./pack-fixture.ts";
import { validatePack } from "./validate-pack.ts";

test.each(["app", "provider", "component"] as const)(
  "writeNewPack() makes a pack from %s that builds and is valid",
  async (template) => {
    const root = join(await sourceFolder({}), "my-pack");
    const paths = await writeNewPack(root, { name: "my-pack", template });
    expect(paths).toContain("pack.toml");
    const components = { app: [], component: ["my-pack"], provider: ["ingress", "egress", "operator"] }[template];
    if (components.length > 0) await mkdir(join(root, "components"));
    for (const name of components) await writeFile(join(root, `components/${name}.wasm`), EMPTY_COMPONENT);
    const built = await buildPack(root, { probeComponent: () => ({ abi: "mcp250618", world: "" }) });
    expect(built.findings).toEqual([]);
    expect(await validatePack(built.bytes)).toMatchObject({
      ok: true,
      name: "my-pack",
      version: "0.1.0",
      findings: [],
    });
    await expect(writeNewPack(root, { name: "my-pack", template })).rejects.toMatchObject({
      code: "PACK_TARGET_EXISTS",
    });
  },
);

test("newPackFiles() refuses a name that packs can't have", () => {
  for (const name of ["", "My", "a/b", "-a", "a".repeat(64)])
    expect(() => newPackFiles(name, "app")).toThrow(expect.objectContaining({ code: "PACK_NAME_INVALID" }));
});
