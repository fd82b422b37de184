import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import type { OciDigest } from "./digest.ts";
import type { RegistryResponse } from "./exchange.ts";
import type { RegistrySession, Repository } from "./session.ts";

export interface PushBlobOptions {
  /** Blobs above it are sent in chunks of it, which are taken up again where a connection broke. Default 16 MiB. */
  readonly chunkBytes?: number;
  /** Hears how far a chunked push is. */
  readonly onProgress?: (sentBytes: number) => void;
}

interface BlobPush extends PushBlobOptions {
  readonly repository: Repository;
  readonly bytes: Uint8Array;
  readonly digest: OciDigest;
}

const DEFAULT_CHUNK_BYTES = 16 << 20;
const MAX_RESUMES = 4;
const CONTENT_TYPE = { "content-type": "application/octet-stream" } as const;

/** Sends a blob where the repository doesn't have it; see `OciClient.pushBlob`. */
export async function pushBlob(session: RegistrySession, push: BlobPush): Promise<boolean> {
  const { repository, bytes, digest } = push;
  const head = await session.send(repository, {
    method: "HEAD",
    path: `blobs/${digest}`,
    access: "push",
    isBlob: true,
    accept: [404],
  });
  await head.cancel();
  if (head.status === 200) return false;
  const begun = await session.send(repository, { method: "POST", path: "blobs/uploads/", access: "push" });
  await begun.cancel();
  const location = locationOf(session, push, begun);
  const least = Number(begun.headers.get("oci-chunk-min-length") ?? 0);
  const chunkBytes = Math.max(push.chunkBytes ?? DEFAULT_CHUNK_BYTES, Number.isSafeInteger(least) ? least : 0);
  const isWhole = bytes.byteLength <= chunkBytes;
  const end = isWhole ? location : await sendChunks(session, push, { location, chunkBytes });
  end.searchParams.set("digest", digest);
  const done = await session.send(repository, {
    method: "PUT",
    path: end,
    access: "push",
    headers: CONTENT_TYPE,
    ...(isWhole && { body: bytes }),
  });
  await done.cancel();
  const said = done.headers.get("docker-content-digest");
  if (said !== null && said !== digest)
    throw new GreenticError("OCI_DIGEST_MISMATCH", `Push blob ${digest}: the registry keeps it as ${quote(said)}`);
  return true;
}

async function sendChunks(
  session: RegistrySession,
  push: BlobPush,
  start: { readonly location: URL; readonly chunkBytes: number },
): Promise<URL> {
  const { repository, bytes } = push;
  let { location } = start;
  let resumes = 0;
  for (let offset = 0; offset < bytes.byteLength;) {
    const chunk = bytes.subarray(offset, offset + start.chunkBytes);
    let answer: RegistryResponse;
    try {
      answer = await session.send(repository, {
        method: "PATCH",
        path: location,
        access: "push",
        headers: { ...CONTENT_TYPE, "content-range": `${offset}-${offset + chunk.byteLength - 1}` },
        body: chunk,
        accept: [416],
      });
      await answer.cancel();
    } catch (error) {
      if (!isGreenticError(error, "OCI_REGISTRY_UNAVAILABLE") || ++resumes > MAX_RESUMES) throw error;
      answer = await askProgress(session, push, location);
    }
    if (answer.status === 416) {
      if (++resumes > MAX_RESUMES) throw invalid(push, "it takes no chunk of this upload");
      answer = await askProgress(session, push, location);
    }
    location = locationOf(session, push, answer, location);
    const reached = offsetOf(push, answer);
    if (reached <= offset && ++resumes > MAX_RESUMES) throw invalid(push, "the upload doesn't go on");
    offset = reached;
    push.onProgress?.(offset);
  }
  return location;
}

/** Asks how much of an upload has arrived. */
async function askProgress(session: RegistrySession, push: BlobPush, location: URL): Promise<RegistryResponse> {
  const answer = await session.send(push.repository, { method: "GET", path: location, access: "push" });
  await answer.cancel();
  return answer;
}

function locationOf(session: RegistrySession, push: BlobPush, answer: RegistryResponse, known?: URL): URL {
  const place = answer.headers.get("location");
  if (place !== null) return session.locate(push.repository, place, answer.url);
  if (known === undefined) throw invalid(push, "it names no place for the upload");
  return known;
}

/** `Range: 0-N` says that bytes up to N are there; `0-0` that none is, since no chunk has one byte. */
function offsetOf(push: BlobPush, answer: RegistryResponse): number {
  const last = Number(/^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.get("range") ?? "")?.[1] ?? Number.NaN);
  if (!(last < push.bytes.byteLength)) throw invalid(push, "it doesn't say how much of the upload it has");
  return last === 0 ? 0 : last + 1;
}

function invalid({ digest, repository }: BlobPush, state: string): GreenticError {
  return new GreenticError(
    "OCI_RESPONSE_INVALID",
    `Push blob ${digest} to ${quote(`${repository.registry}/${repository.repository}`)}: ${state}`,
  );
}
