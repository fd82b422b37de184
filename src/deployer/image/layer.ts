import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { DigestStream } from "../../oci/index.ts";
import type { Descriptor, OciDigest } from "../../oci/index.ts";
import { writeTar } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

const TAR_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** A layer that stands among the blobs of a layout. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** The digest of the archive before it is compressed, by which an image's config knows it. */
  readonly diffId: OciDigest;
  /** What it brings, for the image's history. */
  readonly title: string;
}

export interface LayerOptions {
  /** The layout's directory. */
  readonly dir: string;
  readonly title: string;
  /** Without compression: the same bytes whatever zlib a machine has. */
  readonly isStored: boolean;
}

/** Writes a layer under its digest, and nothing where it fails. */
export async function writeLayer(entries: readonly TarEntry[], { dir, title, isStored }: LayerOptions): Promise<Layer> {
  const blobs = join(dir, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const draft = join(blobs, `.${randomUUID()}.tmp`);
  const plain = new DigestStream();
  const packed = new DigestStream();
  try {
    await pipeline(
      Readable.from(writeTar(entries)),
      counting(plain),
      ...(isStored ? [] : [createGzip({ level: 6 })]),
      counting(packed),
      createWriteStream(draft, { flags: "wx" }),
    );
    const digest = packed.end();
    await rename(draft, join(blobs, digest.slice("sha256:".length)));
    return {
      descriptor: {
        mediaType: isStored ? TAR_TYPE : `${TAR_TYPE}+gzip`,
        digest,
        size: packed.sizeBytes,
        annotations: { "org.opencontainers.image.title": title },
      },
      diffId: plain.end(),
      title,
    };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function counting(digest: DigestStream): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      digest.add(chunk);
      done(null, chunk);
    },
  });
}
