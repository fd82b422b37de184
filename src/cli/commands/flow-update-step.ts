import { updateStep } from "../../flow/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { EDIT_OPTIONS, editFlowFile, membersOption, routingOption, valueOption } from "../flow-edit.ts";

export default defineCommand({
  summary: "Change a step of a flow",
  arguments: [
    { name: "file", summary: "the flow" },
    { name: "step", summary: "the step's id" },
  ],
  options: [
    { flags: "--kind <kind>", summary: "another kind" },
    { flags: "--input <value>", summary: "all that it takes, JSON or YAML" },
    { flags: "--set <key=value>", summary: "one member of what it takes; may be given many times", repeat: true },
    { flags: "--routing <value>", summary: "out, reply, a step, or a list of entries" },
    ...EDIT_OPTIONS,
  ],
  examples: ["gtc flow update-step flows/help.ygtc hello --set text=Welcome"],
  async run(input, io) {
    const kind = textOption(input, "kind");
    const value = valueOption(input, "input");
    const routing = routingOption(input);
    const change = {
      ...(kind !== undefined && { kind }),
      ...(value !== undefined && { input: value }),
      ...(routing !== undefined && { routing }),
      members: membersOption(input),
    };
    await editFlowFile({ input, io }, (source) => updateStep(source, input.args[1] ?? "", change));
  },
});
