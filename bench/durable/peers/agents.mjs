/** The M365 Agents SDK: conversation state in its memory storage, replies in the answer (`expectReplies`). */
import { load, ready } from "./load.mjs";

const { AgentApplication, MemoryStorage } = load("@microsoft/agents-hosting");
const { startServer } = load("@microsoft/agents-hosting-express");

const agent = new AgentApplication({ storage: new MemoryStorage() });
agent.onActivity("message", async (context, state) => {
  const { text } = context.activity;
  const kept = state.getValue("conversation.kept");
  if (kept === undefined || kept === null) {
    state.setValue("conversation.kept", { asked: "name" });
    await context.sendActivity("What is your name?");
  } else if (kept.asked === "name") {
    state.setValue("conversation.kept", { asked: "city", name: text });
    await context.sendActivity("Which city are you in?");
  } else {
    state.deleteValue("conversation.kept");
    await context.sendActivity(`${kept.name} in ${text}`);
  }
});
// State is saved where a handler after the turn agrees.
agent.onTurn("afterTurn", async () => true);
const port = Number(process.env.PORT);
startServer(agent, { port });
for (let isUp = false; !isUp;) {
  isUp = await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}
ready(port);
process.on("SIGTERM", () => process.exit(0));
