import { pastedSetup } from "../setup.ts";

/** GitHub's side of a channel: a webhook that a repository's, organisation's or app's owner adds. */
export const githubSetup = pastedSetup({
  where:
    "GitHub → the repository's, organisation's or app's Settings → Webhooks → Add webhook: paste, and choose the events",
  isSecretTheirs: false,
  paste: (url, { showSecret }) =>
    `Payload URL:   ${url}\nContent type:  application/json\nSecret:        what this shows: ${showSecret("github_webhook_secret")}`,
});
