import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPack } from "../pack/index.ts";
import { probeComponent } from "./full-checks.ts";

const FILES: Readonly<Record<string, string>> = {
  "pack.toml": `[pack]
name = "conformance-sample"
version = "1.0.0"
description = "Asks for a name and greets"
authors = []
[capabilities]
id = "greentic.cap.app.v1"
provides = []
[flows]
on_message = "flows/on_message.ygtc"
`,
  "flows/on_message.ygtc": `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "What is your name?", type: string }
    routing: [{ to: greet }]
  greet: { message.send: { text: "Hello, {{ask.answers.name}}!" }, routing: out }
`,
};

/** Makes the pack that runners are judged with where none is named: its flow waits in one activity and ends in the next. */
export async function samplePack(): Promise<Uint8Array> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-conformance-"));
  try {
    await mkdir(join(dir, "flows"));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(dir, name), text);
    return (await buildPack(dir, { probeComponent })).bytes;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
