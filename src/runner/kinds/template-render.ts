import { GreenticError, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { CompiledTemplate } from "../../flow/index.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

/** `template.render`: makes a text from a template of the flow or of the pack's assets. */
export const templateRender: Kind = {
  name: "template.render",
  summary: "Renders a text from an inline template or an asset, with `data` before the flow's own values.",
  effect: "pure",
  statuses: ["ok"],
  templates: ["template"],
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: {
      template: { type: "string", description: "Handlebars text" },
      asset: { type: "string", description: "Path of a template in the pack, assets/templates/x.hbs" },
      data: { description: "Values that the template sees first" },
      locale: { type: "string", description: "BCP 47; default the conversation's" },
    },
    anyOf: [{ required: ["template"] }, { required: ["asset"] }],
    additionalProperties: false,
  },
  output: { type: "object", properties: { text: { type: "string" } }, required: ["text"], additionalProperties: false },
  run(input, call) {
    const { asset, data, locale } = fields(input);
    const template = call.node.compiled.templates.get("template") ?? templateAsset(call, asset);
    const language = text(locale);
    if (language === undefined) return ok({ text: template.render(call.scope, data) });
    return ok({ text: call.inLocale(language, () => template.render(call.scope, data)) });
  },
};

function templateAsset(call: NodeCall, asset: JsonValue | undefined): CompiledTemplate {
  const path = typeof asset === "string" ? asset : "";
  const template = call.pack.template(path);
  if (template === undefined) {
    throw new GreenticError("RUNNER_ASSET_MISSING", `Render template: the pack has no asset ${quote(path)}`);
  }
  return template;
}
