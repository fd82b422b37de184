import { afterAll, beforeAll } from "vitest";
import { AWS_KEY } from "./aws-secrets.ts";

export { AWS_REGION } from "./aws-secrets.ts";

/** The access key as the client's own chain finds it. */
export const AWS_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: AWS_KEY.id,
  AWS_SECRET_ACCESS_KEY: AWS_KEY.secret,
  AWS_MAX_ATTEMPTS: "1",
};

/** Puts the stand-ins' access key where the client's own chain finds it, while the suite runs. */
export function useAwsKey(): void {
  const before: Record<string, string | undefined> = {};
  beforeAll(() => {
    for (const [name, value] of Object.entries(AWS_ENVIRONMENT)) {
      before[name] = process.env[name];
      process.env[name] = value;
    }
  });
  afterAll(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });
}
