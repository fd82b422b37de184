import { addStep } from "../../flow/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { EDIT_OPTIONS, editFlowFile, routingOption, valueOption } from "../flow-edit.ts";

export default defineCommand({
  summary: "Add a step to a flow",
  arguments: [
    { name: "file", summary: "the flow" },
    { name: "step", summary: "the new step's id" },
  ],
  options: [
    { flags: "--kind <kind>", summary: "what it does, as `gtc flow kinds` lists", required: true },
    { flags: "--input <value>", summary: "what it takes, JSON or YAML", default: "{}" },
    { flags: "--after <step>", summary: "the step that leads to it; it goes on where that one led" },
    { flags: "--routing <value>", summary: "out, reply, a step, or a list of entries" },
    ...EDIT_OPTIONS,
  ],
  examples: ["gtc flow add-step flows/help.ygtc thanks --kind message.send --input '{ text: Thanks }' --after hello"],
  async run(input, io) {
    const routing = routingOption(input);
    const step = {
      id: input.args[1] ?? "",
      kind: String(input.options["kind"]),
      input: valueOption(input, "input") ?? {},
      ...(routing !== undefined && { routing }),
    };
    await editFlowFile({ input, io }, (source) => addStep(source, step, textOption(input, "after")));
  },
});
