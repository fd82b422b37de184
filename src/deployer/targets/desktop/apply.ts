import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../../pack/index.ts";
import { runOrFail } from "../../run-program.ts";
import type { Deployment, RenderedFiles, Target, TargetTools, Transition } from "../../target.ts";
import { labelOf, renderDesktop, unitOf } from "./render.ts";
import { desktopSchema, readDesktop } from "./spec.ts";

/** The user's own service manager on this machine. */
export const desktop: Target = {
  name: "desktop",
  schema: desktopSchema,
  render: renderDesktop,
  apply,
  drift,
  status,
  needs: () => [],
};

function unitDir({ machine }: Deployment, file: string): string {
  return file.endsWith(".plist")
    ? join(machine.home, "Library/LaunchAgents")
    : join(machine.configHome, "systemd/user");
}

async function apply({ deployment, before, after }: Transition, { run, tell }: TargetTools): Promise<void> {
  const { dataDir } = readDesktop(deployment);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  for (const file of [...before.keys()].filter((name) => !after.has(name))) {
    if (file.endsWith(".plist")) await run("launchctl", ["bootout", `gui/${uid()}/${file.replace(/\.plist$/, "")}`]);
    else await run("systemctl", ["--user", "disable", "--now", file]);
    await rm(join(unitDir(deployment, file), file), { force: true });
    tell(`${file} removed`);
  }
  for (const [file, text] of after) {
    const dir = unitDir(deployment, file);
    await mkdir(dir, { recursive: true });
    await writeFileAtomic(join(dir, file), Buffer.from(text));
    await chmod(join(dir, file), 0o644);
    tell(`${join(dir, file)} written`);
    if (file.endsWith(".plist")) await startAgent(deployment, join(dir, file), run);
    else await startUnit(file, run);
    tell(`${file} started`);
  }
}

async function startUnit(unit: string, run: TargetTools["run"]): Promise<void> {
  await runOrFail(run, "systemctl", ["--user", "daemon-reload"]);
  await runOrFail(run, "systemctl", ["--user", "enable", unit]);
  await runOrFail(run, "systemctl", ["--user", "restart", unit]);
}

async function startAgent(deployment: Deployment, file: string, run: TargetTools["run"]): Promise<void> {
  // One that isn't loaded can't be taken out, which is no failure.
  await run("launchctl", ["bootout", `gui/${uid()}/${labelOf(deployment)}`]);
  await runOrFail(run, "launchctl", ["bootstrap", `gui/${uid()}`, file]);
}

const uid = (): number => process.getuid?.() ?? 0;

async function drift(deployment: Deployment, files: RenderedFiles): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const [file, text] of files) {
    const there = await readFile(join(unitDir(deployment, file), file), "utf8").catch(() => undefined);
    if (there !== text) changed.push(file);
  }
  return changed;
}

async function status(deployment: Deployment, { run }: TargetTools): Promise<readonly string[]> {
  if (readDesktop(deployment).manager === "launchd") {
    const said = await run("launchctl", ["print", `gui/${uid()}/${labelOf(deployment)}`]);
    const state = /^\s*state = (.+)$/m.exec(said?.stdout ?? "")?.[1];
    return [`${labelOf(deployment)} ${state ?? "not loaded"}`];
  }
  const unit = unitOf(deployment);
  const said = await run("systemctl", ["--user", "show", unit, "--property=ActiveState,SubState,NRestarts"]);
  return [`${unit} ${said?.stdout.trim().replaceAll("\n", " ") || "unknown: systemctl doesn't answer"}`];
}
