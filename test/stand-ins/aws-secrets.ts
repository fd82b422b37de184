/** AWS Secrets Manager's JSON protocol as far as hosts ask for it; requests have to be signed (version 4) by one access key. */
import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { CloudStandIn } from "./cloud-secrets.ts";
import { openStandIn, pageOf } from "./cloud-secrets.ts";

export const AWS_KEY = { id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" } as const;
export const AWS_REGION = "eu-central-1";

const versionOf = (index: number): string => `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;

export function openAwsStandIn(): Promise<CloudStandIn> {
  return openStandIn("http", createServer, (cloud, request, body) => {
    const target = String(request.headers["x-amz-target"]).replace("secretsmanager.", "");
    const fail = (status: number, type: string) => [status, { __type: type, message: "said by the stand-in" }] as const;
    cloud.asked.push(`${target} ${JSON.stringify(body["SecretId"] ?? "")}`.trim());
    if (cloud.failing !== undefined) return fail(cloud.failing, "InternalServiceError");
    if (!isSigned(request, JSON.stringify(body))) return fail(400, "InvalidSignatureException");
    if (target === "ListSecrets") {
      const [filter] = body["Filters"] as readonly { readonly Values: readonly string[] }[];
      const names = [...cloud.secrets.keys()].filter((name) => name.startsWith(filter?.Values[0] ?? ""));
      const { page, next } = pageOf(names, Number(body["NextToken"] ?? 0));
      return [200, { SecretList: page.map((Name) => ({ Name })), ...(next !== undefined && { NextToken: next }) }];
    }
    const name = String(body["SecretId"]);
    if (cloud.denied.has(name)) return fail(400, "AccessDeniedException");
    const values = cloud.secrets.get(name) ?? [];
    const index = values.findIndex((_, at) =>
      body["VersionId"] === undefined ? at === values.length - 1 : versionOf(at) === body["VersionId"],
    );
    if (index < 0) return fail(400, "ResourceNotFoundException");
    return [200, { Name: name, VersionId: versionOf(index), SecretString: values[index] }];
  });
}

/** Computes the signature as AWS does. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ headers, method, url }: IncomingMessage, body: string): boolean {
  const [, id, scope, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      headers.authorization ?? "",
    ) ?? [];
  if (id !== AWS_KEY.id || scope === undefined || names === undefined) return false;
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  const sign = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const canonical = [
    method,
    url,
    "",
    ...names.split(";").map((name) => `${name}:${String(headers[name]).trim()}`),
    "",
    names,
    hash(body),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hash(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Buffer>((key, part) => sign(key, part), `AWS4${AWS_KEY.secret}`);
  return sign(key, text).toString("hex") === signature;
}
