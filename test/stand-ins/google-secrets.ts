/** Google Secret Manager's REST API as far as hosts ask for it. */
import { createServer } from "node:http";
import type { CloudStandIn } from "./cloud-secrets.ts";
import { openStandIn, pageOf } from "./cloud-secrets.ts";

export const GOOGLE_TOKEN = "ya29.of-the-stand-in";
export const GOOGLE_PROJECT = "a-project";

const STATUS: Readonly<Record<number, string>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  503: "UNAVAILABLE",
};

export function openGoogleStandIn(): Promise<CloudStandIn> {
  return openStandIn("http", createServer, (cloud, request) => {
    const url = new URL(request.url ?? "", cloud.url);
    const fail = (code: number) =>
      [code, { error: { code, status: STATUS[code], message: "said by the stand-in" } }] as const;
    cloud.asked.push(`${request.method} ${url.pathname}`);
    if (cloud.failing !== undefined) return fail(cloud.failing);
    if (request.headers.authorization !== `Bearer ${GOOGLE_TOKEN}`) return fail(401);
    const parent = `projects/${GOOGLE_PROJECT}/secrets`;
    if (url.pathname === `/v1/${parent}`) {
      const { page, next } = pageOf([...cloud.secrets.keys()], Number(url.searchParams.get("pageToken") ?? 0));
      return [
        200,
        {
          secrets: page.map((name) => ({ name: `${parent}/${name}` })),
          ...(next !== undefined && { nextPageToken: next }),
        },
      ];
    }
    const [, name = "", version = ""] =
      new RegExp(`^/v1/${parent}/([\\w-]+)/versions/(\\w+):access$`).exec(url.pathname) ?? [];
    if (cloud.denied.has(name)) return fail(403);
    const values = cloud.secrets.get(name) ?? [];
    const index = version === "latest" ? values.length - 1 : Number(version) - 1;
    const value = values[index];
    if (value === undefined) return fail(404);
    return [
      200,
      { name: `${parent}/${name}/versions/${index + 1}`, payload: { data: Buffer.from(value).toString("base64") } },
    ];
  });
}
