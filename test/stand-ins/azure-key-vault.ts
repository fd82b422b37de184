/** Azure Key Vault's API as far as hosts ask for it: TLS, the challenge that tells where to get a token, versions, pages. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { makeCertificates } from "./certificates.ts";
import type { CloudStandIn } from "./cloud-secrets.ts";
import { openStandIn, pageOf } from "./cloud-secrets.ts";

export const AZURE_TOKEN = "eyJ.of.the.stand-in";

export async function openAzureStandIn(): Promise<CloudStandIn & { readonly ca: string }> {
  const { caFile, certFile, keyFile } = makeCertificates();
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const make: Parameters<typeof openStandIn>[1] = (listener) => createServer(tls, listener);
  const cloud = await openStandIn("https", make, (cloud, request) => {
    const url = new URL(request.url ?? "", cloud.url);
    const fail = (status: number, code: string) =>
      [status, { error: { code, message: "said by the stand-in" } }] as const;
    cloud.asked.push(`${request.method} ${url.pathname}`);
    if (cloud.failing !== undefined) return fail(cloud.failing, "ServiceUnavailable");
    if (request.headers.authorization !== `Bearer ${AZURE_TOKEN}`) {
      const challenge = `Bearer authorization="https://login.example.com/a-tenant", resource="https://vault.azure.net"`;
      return [401, { error: { code: "Unauthorized", message: "no token" } }, { "www-authenticate": challenge }];
    }
    const [, , name = "", version = ""] = url.pathname.split("/");
    if (name === "") {
      const { page, next } = pageOf([...cloud.secrets.keys()], Number(url.searchParams.get("$skiptoken") ?? 0));
      const nextLink = next === undefined ? null : `${cloud.url}/secrets?api-version=7.5&$skiptoken=${next}`;
      return [
        200,
        {
          value: page.map((name) => ({ id: `${cloud.url}/secrets/${name}`, attributes: { enabled: true } })),
          nextLink,
        },
      ];
    }
    if (cloud.denied.has(name)) return fail(403, "Forbidden");
    const values = cloud.secrets.get(name) ?? [];
    const index = version === "" ? values.length - 1 : Number.parseInt(version, 16) - 1;
    const value = values[index];
    if (value === undefined) return fail(404, "SecretNotFound");
    const id = `${cloud.url}/secrets/${name}/${(index + 1).toString(16).padStart(32, "0")}`;
    return [200, { value, id, attributes: { enabled: true, created: 0, updated: 0 } }];
  });
  return Object.assign(cloud, { ca: readFileSync(caFile, "utf8") });
}
