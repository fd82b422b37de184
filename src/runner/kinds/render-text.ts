import type { Kind } from "./kind.ts";
import { fields } from "./kind.ts";
import { templatingHandlebars } from "./templating-handlebars.ts";

/** `render_text`: what setup flows of public provider packs say; their own component for it ships empty. */
export const renderText: Kind = {
  ...templatingHandlebars,
  name: "render_text",
  summary:
    "Renders a text into the payload, as setup flows of public provider packs ask; their component for it is empty.",
  input: {
    type: "object",
    properties: {
      ...fields(templatingHandlebars.input["properties"] ?? null),
      config: { type: "object", description: "template, output_path and wrap, in another place" },
    },
    anyOf: [{ required: ["template"] }, { required: ["text"] }, { required: ["config"] }],
  },
  run(input, call) {
    const given = { output_path: "text", ...fields(fields(input)["config"] ?? null), ...fields(input) };
    return templatingHandlebars.run(given, call);
  },
};

/** `text`: the other name of `render_text`. */
export const plainText: Kind = { ...renderText, name: "text" };
