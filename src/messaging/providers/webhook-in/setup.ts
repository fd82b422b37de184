import { pastedSetup } from "../setup.ts";

/** A sender's side of a channel: an endpoint that is added at the sender, which makes its secret. */
export const webhookInSetup = pastedSetup({
  where: "where the sender lists its endpoints: paste; then it shows the signing secret, or its public key",
  isSecretTheirs: true,
  paste: (url) => `Endpoint URL:  ${url}`,
});
