import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { buildComponent } from "./build-component.ts";
import { newComponent } from "./new-component.ts";
import { testComponent } from "./test-component.ts";

const INTEGRITY = `sha512-${Buffer.alloc(64, 0xab).toString("base64")}`;

async function component(installed: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "greentic-npm-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const directory = join(root, "shout");
  await newComponent(directory, { name: "shout", world: "component" });
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  };
  await write(
    "package-lock.json",
    JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "": { dependencies: { "@acme/loud": "^1" } },
        "node_modules/@acme/loud": { version: "1.2.0", integrity: INTEGRITY },
        "node_modules/tester": { version: "3.0.0", dev: true },
      },
    }),
  );
  await write(
    "node_modules/@acme/loud/package.json",
    JSON.stringify({ name: "@acme/loud", version: installed, license: "MIT", type: "module", main: "index.js" }),
  );
  await write("node_modules/@acme/loud/index.js", "export const loud = (text) => `${text.toUpperCase()}!`;\n");
  await write(
    "src/main.ts",
    'import { loud } from "@acme/loud";\nimport type { Message } from "@greentic/guest";\n' +
      "export function execute(input: Message) { return { success: true, data: loud(input.content) }; }\n",
  );
  return directory;
}

test("buildComponent() takes in the packages of the lock, and the component lists them", async () => {
  verifies("pack.sbom.npm");
  const { bytes } = await buildComponent(await component("1.2.0"));
  expect(await testComponent(bytes, { operation: "execute", input: "hello" })).toMatchObject({
    ok: true,
    output: "HELLO!",
  });
  const said = Buffer.from(bytes).toString("latin1");
  const listed = said.slice(said.lastIndexOf("npm-packages") + "npm-packages".length);
  expect(JSON.parse(listed)).toEqual([{ name: "@acme/loud", version: "1.2.0", license: "MIT", integrity: INTEGRITY }]);
});

test("buildComponent() refuses packages that aren't the locked ones", async () => {
  await expect(buildComponent(await component("1.3.0"))).rejects.toMatchObject({
    code: "COMPONENT_BUILD_FAILED",
    message: expect.stringContaining('"@acme/loud" 1.2.0 of package-lock.json isn\'t installed; run npm ci') as string,
  });
});
