import { deleteStep } from "../../flow/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { EDIT_OPTIONS, editFlowFile } from "../flow-edit.ts";

export default defineCommand({
  summary: "Delete a step of a flow",
  arguments: [
    { name: "file", summary: "the flow" },
    { name: "step", summary: "the step's id" },
  ],
  options: [
    {
      flags: "--to <step>",
      summary: "where what led to it leads: a step, out or reply (default: where its own default led)",
    },
    ...EDIT_OPTIONS,
  ],
  examples: ["gtc flow delete-step flows/help.ygtc thanks --dry-run"],
  async run(input, io) {
    await editFlowFile({ input, io }, (source) => deleteStep(source, input.args[1] ?? "", textOption(input, "to")));
  },
});
