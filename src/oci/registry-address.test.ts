import { afterEach, describe, expect, test } from "vitest";
import { PASSWORD, startRegistryStandIn, USER } from "../../test/stand-ins/registry.ts";
import type { RegistryStandIn } from "../../test/stand-ins/registry.ts";
import { verifies } from "../../test/verifies.ts";
import { OciClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import type { SessionOptions } from "./session.ts";

const open: RegistryStandIn[] = [];
afterEach(async () => {
  for (const registry of open.splice(0)) await registry[Symbol.asyncDispose]();
});
async function start(): Promise<RegistryStandIn> {
  const registry = await startRegistryStandIn();
  open.push(registry);
  return registry;
}

const BLOB = Buffer.from("what only this machine can reach");
const portOf = ({ host }: RegistryStandIn): string => host.slice(host.indexOf(":") + 1);

/** A client that knows the stand-in by a public name, and resolves names as the table says. */
function clientOf(
  registry: RegistryStandIn,
  table: Readonly<Record<string, readonly string[]>> = {},
  options: SessionOptions = {},
): { readonly pull: () => Promise<Buffer>; readonly asked: string[] } {
  const host = `registry.example.com:${portOf(registry)}`;
  const asked: string[] = [];
  const client = new OciClient({
    idleTimeoutMs: 2_000,
    plainHttp: [host],
    resolve: async (name) => {
      asked.push(name);
      return name === "registry.example.com" ? ["127.0.0.1"] : (table[name] ?? []);
    },
    ...options,
  });
  const pull = async (): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    const descriptor = { digest: digestOf(BLOB), size: BLOB.byteLength };
    for await (const chunk of client.pullBlob({ registry: host, repository: "a/b" }, descriptor)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return { pull, asked };
}

const redirect = (registry: RegistryStandIn, location: string): void => {
  registry.misbehave = (_request, response) => {
    response.writeHead(307, { location }).end();
    return true;
  };
};

describe("a registry is reached where its name was resolved, and sends us on to public addresses alone", () => {
  test("it may itself be within a private network, under a name that is resolved once a request", async () => {
    verifies("oci.addresses");
    const registry = await start();
    registry.blobs.set(digestOf(BLOB), BLOB);
    const { pull, asked } = clientOf(registry);
    expect(await pull()).toEqual(BLOB);
    expect(asked).toEqual(["registry.example.com"]);
    expect(registry.seen.map(({ headers }) => headers.host)).toEqual([`registry.example.com:${portOf(registry)}`]);
  });

  test.each([
    "https://127.0.0.1/latest",
    "https://localhost/latest",
    "https://2130706433/latest",
    "https://[::1]/latest",
    "https://[::ffff:10.0.0.1]/latest",
    "https://10.0.0.1/latest",
    "https://169.254.169.254/latest/meta-data",
    "https://metadata.example.com/latest",
    "https://mixed.example.com/latest",
  ])("it can't send us to %s", async (location) => {
    verifies("oci.addresses");
    const registry = await start();
    redirect(registry, location);
    const { pull } = clientOf(registry, {
      localhost: ["127.0.0.1"],
      "metadata.example.com": ["169.254.169.254"],
      // One address that may be reached is no leave for the other.
      "mixed.example.com": ["93.184.215.14", "fd00::1"],
    });
    await expect(pull()).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    expect(registry.seen).toHaveLength(1);
  });

  test("nor can the storage that it sent us to", async () => {
    const [registry, storage] = [await start(), await start()];
    const place = `storage.example.com:${portOf(storage)}`;
    redirect(registry, `http://${place}/blob`);
    redirect(storage, "https://10.0.0.1/blob");
    const host = `registry.example.com:${portOf(registry)}`;
    const { pull } = clientOf(registry, { "storage.example.com": ["127.0.0.1"] }, { plainHttp: [host, place] });
    await expect(pull()).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    expect(storage.seen).toHaveLength(1);
  });

  test("nor to names that have no address", async () => {
    const registry = await start();
    redirect(registry, "https://nowhere.example.com/blob");
    await expect(clientOf(registry).pull()).rejects.toMatchObject({ code: "OCI_REGISTRY_UNAVAILABLE" });
  });

  test("what the operator grants is reached", async () => {
    const [registry, storage] = [await start(), await start()];
    redirect(registry, `https://${storage.host}/blob`);
    await expect(clientOf(registry).pull()).rejects.toMatchObject({ code: "OCI_REDIRECT_REFUSED" });
    const { pull } = clientOf(registry, {}, { privateAddresses: ["127.0.0.0/8"] });
    // The stand-in speaks no TLS: that it was tried is what counts.
    await expect(pull()).rejects.toMatchObject({ code: "OCI_REGISTRY_UNAVAILABLE" });
  });

  test("nor does it get our password asked for within", async () => {
    const registry = await start();
    registry.misbehave = (_request, response) => {
      response.writeHead(401, { "www-authenticate": 'Bearer realm="https://10.0.0.1/token",service="x"' }).end();
      return true;
    };
    const credentials = (): Promise<{ kind: "password"; user: string; password: string }> =>
      Promise.resolve({ kind: "password", user: USER, password: PASSWORD });
    await expect(clientOf(registry, {}, { credentials }).pull()).rejects.toMatchObject({
      code: "OCI_REDIRECT_REFUSED",
    });
  });
});
