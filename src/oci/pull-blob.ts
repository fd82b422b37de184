import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import { DigestStream } from "./digest.ts";
import { tooLarge } from "./exchange.ts";
import type { RegistryResponse } from "./exchange.ts";
import type { Descriptor } from "./manifest.ts";
import type { RegistrySession, Repository } from "./session.ts";

const MAX_RESUMES = 4;

/** Streams a blob, hashing and counting; see `OciClient.pullBlob`. */
export async function* pullBlob(
  session: RegistrySession,
  repository: Repository,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): AsyncGenerator<Uint8Array> {
  const hash = new DigestStream();
  const doing = `Read blob ${digest} of ${quote(`${repository.registry}/${repository.repository}`)}`;
  for (let resumes = 0; hash.sizeBytes < size || resumes === 0; resumes++) {
    const offset = hash.sizeBytes;
    const response = await session.send(repository, {
      method: "GET",
      path: `blobs/${digest}`,
      access: "pull",
      isBlob: true,
      ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
    });
    // A storage that doesn't know ranges sends everything again.
    let skip = offset - startOf(response);
    if (skip < 0) {
      await response.cancel();
      throw new GreenticError("OCI_RESPONSE_INVALID", `${doing}: it goes on behind what was asked for`);
    }
    try {
      for await (const chunk of response.body) {
        const fresh = chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - fresh.byteLength;
        if (hash.sizeBytes + fresh.byteLength > size) throw tooLarge(response.url, size);
        if (fresh.byteLength === 0) continue;
        hash.add(fresh);
        yield fresh;
      }
      break;
    } catch (error) {
      const isBroken = isGreenticError(error, "OCI_REGISTRY_UNAVAILABLE");
      // Without progress another try would be like this one.
      if (!isBroken || resumes >= MAX_RESUMES || hash.sizeBytes === offset) throw error;
    }
  }
  if (hash.sizeBytes !== size)
    throw new GreenticError("OCI_SIZE_MISMATCH", `${doing}: expected ${size} bytes, got ${hash.sizeBytes}`);
  const got = hash.end();
  if (got !== digest) throw new GreenticError("OCI_DIGEST_MISMATCH", `${doing}: got ${got}`);
}

function startOf(response: RegistryResponse): number {
  if (response.status !== 206) return 0;
  return Number(/^bytes (\d{1,15})-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Infinity);
}
