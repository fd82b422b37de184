import type { ProviderEntry } from "../entry.ts";
import { createGithubProvider } from "./provider.ts";
import { githubSetup } from "./setup.ts";

/** GitHub's webhooks in the catalogue. */
export const github: ProviderEntry = {
  type: "github",
  title: "GitHub",
  domain: "events",
  secrets: [
    {
      name: "github_webhook_secret",
      title: "The webhook's secret: repository or app settings, Webhooks",
      isRequired: true,
      isRotated: true,
      form: { pattern: /^.{16,}$/, words: "at least 16 characters" },
      generate: (random) => Buffer.from(random).toString("base64url"),
    },
  ],
  settings: [],
  setup: githubSetup,
  create: (address, { secrets }) => createGithubProvider({ address, secrets: () => secrets("github_webhook_secret") }),
};
