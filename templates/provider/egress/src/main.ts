import { defineEgress } from "greentic/component-sdk";

export default defineEgress({
  name: "egress",
  version: "0.1.0",
  summary: "Sends messages to NAME",
  send: (message, ctx) => {
    const response = ctx.http.fetch("https://api.NAME.example/v1/messages", {
      headers: { authorization: `Bearer ${ctx.secrets.get("api_token")}` },
      json: { loft: message.conversation, text: message.text, key: message.key },
      timeoutMs: 10_000,
    });
    if (!response.ok) return { ok: false, retryable: response.status >= 500 };
    const { id } = response.json() as { readonly id: string };
    return { ok: true, id };
  },
});
