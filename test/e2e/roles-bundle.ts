import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildPack } from "../../src/pack/index.ts";

const FLOW = `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa: { questions: [{ id: name, prompt: "Which name?", type: string }] }
    routing: [{ to: work }]
  work:
    tool.invoke: { tool: work, input: { name: "{{ask.answers.name}}" } }
    timeout_ms: 60000
    routing: [{ to: done }]
  done:
    message.send: { text: "Done {{ask.answers.name}}." }
    routing: out
`;
const HOOK = `id: hook
type: webhook
schema_version: 2
start: work
nodes:
  work:
    tool.invoke: { tool: work, input: { name: "hook" } }
    routing: [{ to: tell }]
  tell:
    emit.response: { status: 200, body: { said: "{{entry.body.text}}" } }
    routing: reply
`;
const TOOLS = { tools: [{ name: "work", http: { method: "GET", url: "https://slow.example.com/work/{name}" } }] };

/**
 * Writes a bundle of tenant demo on web chat and Telegram into a directory: its flow asks for a name, has the tool at
 * slow.example.com work on it, and says that it is done.
 */
export async function writeRolesBundle(dir: string): Promise<void> {
  mkdirSync(join(dir, "pack/flows"), { recursive: true });
  mkdirSync(join(dir, "pack/assets"));
  writeFileSync(join(dir, "pack/flows/on_message.ygtc"), FLOW);
  writeFileSync(join(dir, "pack/flows/hook.ygtc"), HOOK);
  writeFileSync(join(dir, "pack/assets/toolmap.json"), JSON.stringify(TOOLS));
  writeFileSync(
    join(dir, "pack/pack.toml"),
    '[pack]\nname = "roles"\nversion = "1.0.0"\ndescription = "Asks, works, answers"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["roles"]\n[flows]\non_message = "flows/on_message.ygtc"\nhook = "flows/hook.ygtc"\n[assets]\nall = "assets/"\n',
  );
  const { bytes } = await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) });
  writeFileSync(join(dir, "roles.gtpack"), bytes);
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    "tenant: demo\nproviders:\n  webchat: { type: webchat }\n  messaging-telegram: { type: telegram }\napps:\n  roles: { pack: roles.gtpack, default_flow: on_message }\n",
  );
  writeFileSync(
    join(dir, "greentic.toml"),
    '[security]\nreject_unsigned = false\n[network]\nprivate_addresses = ["127.0.0.0/8"]\n',
  );
}
