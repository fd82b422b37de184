import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { randomUUID } from "node:crypto";
import { writeLayout } from "../../oci/index.ts";
import type { OciDigest } from "../../oci/index.ts";
import { sha512Of, writeSbom } from "../../pack/index.ts";
import type { EmbeddedPackage, SbomFile } from "../../pack/index.ts";
import { VERSION } from "../../types/index.ts";
import { IMAGE_ENTRYPOINT, imageArgs, IN_IMAGE } from "../host-command.ts";
import type { Deployment } from "../target.ts";
import { writeLayer } from "./layer.ts";
import type { Layer } from "./layer.ts";
import { directory, nodeFiles, runtimeFiles, runtimePackages, textFile } from "./runtime-files.ts";
import type { TarEntry } from "./tar.ts";

export interface BuildImageOptions {
  /** The layout's directory; what is there is replaced when the new one is whole. */
  readonly dir: string;
  readonly isStored?: boolean;
  readonly tell?: (line: string) => void;
}

/** An image that was built. */
export interface BuiltImage {
  readonly digest: OciDigest;
  readonly sizeBytes: number;
  readonly dir: string;
}

/**
 * Builds an image for Linux and this machine's processor of the runtime, the Node that is running, the libraries that it links to
 * here, and the bundle: no shell, no package manager, nothing that a base image would have to bring. The same package, Node,
 * libraries and bundle give the same digest.
 * @throws DEPLOYER_IMAGE_UNSUPPORTED where this isn't Linux, or the package isn't built
 */
export async function buildImage(deployment: Deployment, options: BuildImageOptions): Promise<BuiltImage> {
  const { isStored = false, tell } = options;
  const { machine, name } = deployment;
  const packed = await deployment.packed();
  const { node, libraries } = await nodeFiles(machine.node);
  const app = appFiles(deployment, packed.bytes);
  const draft = `${options.dir}.${randomUUID()}.tmp`;
  await mkdir(dirname(options.dir), { recursive: true });
  try {
    const layers: Layer[] = [];
    for (const [title, entries] of [
      ["what Node links to", [...systemFiles(), ...libraries]],
      [`Node ${process.versions.node}`, node],
      [`Greentic ${VERSION}`, await runtimeFiles(machine.root)],
      [`bundle of ${name}`, app],
    ] as const) {
      layers.push(await writeLayer(entries, { dir: draft, title, isStored }));
      tell?.(`layer ${title}: ${layers.at(-1)?.descriptor.size} bytes`);
    }
    const sbom = await imageSbom(deployment, [...libraries, ...node, ...app]);
    const digest = await writeLayout(draft, {
      config: Buffer.from(JSON.stringify(imageConfig(deployment, layers))),
      layers: layers.map(({ descriptor }) => descriptor),
      annotations: { "org.opencontainers.image.title": name, "org.opencontainers.image.version": VERSION },
      sbom: Buffer.from(sbom),
      name: "latest",
    });
    await rm(options.dir, { recursive: true, force: true });
    await rename(draft, options.dir);
    return { digest, dir: options.dir, sizeBytes: layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0) };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** What programs expect of a system, and the two places that may be written to. */
function systemFiles(): readonly TarEntry[] {
  const { user, data } = IN_IMAGE;
  return [
    directory("etc"),
    textFile("etc/group", `root:x:0:\nnonroot:x:${user}:\n`),
    textFile("etc/nsswitch.conf", "hosts: files dns\n"),
    textFile(
      "etc/passwd",
      `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${user}:${user}:nonroot:${data}:/sbin/nologin\n`,
    ),
    directory("tmp", { mode: 0o1777 }),
    directory(data.slice(1), { mode: 0o700, owner: user }),
    // Where mounts go: a file system that can't be written can't get new places for them.
    directory(`${data.slice(1)}/admitted`, { mode: 0o700, owner: user }),
    ...["run", "run/secrets", "run/secrets/greentic", "run/secrets/greentic-host", "dev", "proc"].map((path) =>
      directory(path),
    ),
  ];
}

function appFiles({ config }: Deployment, bundle: Uint8Array): readonly TarEntry[] {
  const place = IN_IMAGE.bundle.slice(1);
  return [
    directory(dirname(place)),
    { path: place, kind: "file", mode: 0o644, read: async () => bundle },
    directory("etc/greentic"),
    ...[...config].map(([name, text]) => textFile(`etc/greentic/${name}`, text)),
  ];
}

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
function imageConfig({ env, name }: Deployment, layers: readonly Layer[]): object {
  const { user, port, data, config } = IN_IMAGE;
  return {
    architecture: { x64: "amd64" }[process.arch as string] ?? process.arch,
    os: "linux",
    config: {
      User: `${user}:${user}`,
      ExposedPorts: { [`${port}/tcp`]: {} },
      Env: [`GREENTIC_CONFIG=${config}`, `GREENTIC_ENV=${env}`, "NODE_ENV=production", "PATH=/usr/local/bin"],
      Entrypoint: IMAGE_ENTRYPOINT,
      Cmd: imageArgs(),
      Volumes: { [data]: {} },
      WorkingDir: data,
      StopSignal: "SIGTERM",
      Labels: { "org.opencontainers.image.title": name, "org.opencontainers.image.version": VERSION },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ title }) => ({ created_by: "greentic-deployer", comment: title })),
  };
}

/** Lists Node, the libraries, every package that the runtime stands on, the bundle and the packs in it. */
async function imageSbom(deployment: Deployment, entries: readonly TarEntry[]): Promise<string> {
  const { machine, name, packed } = deployment;
  const files: SbomFile[] = [];
  for (const { kind, path, read } of entries) {
    if (kind !== "file" || read === undefined) continue;
    const bytes = await read();
    const hash = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
    files.push({ path, sha256: hash("sha256"), sha1: hash("sha1"), mediaType: "application/octet-stream" });
  }
  const lock = await readFile(join(machine.root, "package-lock.json"));
  const packages = (await runtimePackages(machine.root)).map(
    ({ name: own, version, license, integrity }): EmbeddedPackage => {
      const sha512 = sha512Of(integrity);
      return { ecosystem: "npm", name: own, version, ...(license && { license }), ...(sha512 && { sha512 }) };
    },
  );
  const digest = (algorithm: string): string => createHash(algorithm).update(lock).digest("hex");
  files.push({
    path: "greentic/package-lock.json",
    sha256: digest("sha256"),
    sha1: digest("sha1"),
    mediaType: "application/json",
    metadata: { producers: [], licenses: ["MIT"], authors: [], packages },
  });
  const content = createHash("sha256").update(JSON.stringify(files.map(({ path, sha256 }) => [path, sha256])));
  return writeSbom(
    {
      name,
      version: VERSION,
      description: "",
      authors: [],
      files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      dependencies: new Map(
        (await packed()).packs.map(({ name: pack, version, packHash }) => [
          pack,
          { req: `=${version}`, resolved: { version, packHash } },
        ]),
      ),
      contentHash: content.digest("hex"),
    },
    "cyclonedx",
  );
}
