import { Command, CommanderError, Option } from "commander";
import { exitCodeOf } from "../types/index.ts";
import { COMMANDS } from "./command-table.ts";
import type { CommandIo, CommandSpec } from "./command.ts";
import { reportError } from "./report-error.ts";
import { VERSION } from "./version.ts";

/** Nouns and the documented programs that stand for them. */
const NOUNS: Readonly<Record<string, string>> = {
  runner: "Load packs and run flows",
  flow: "Check and draw flows",
  pack: "Build, sign, verify and inspect packs",
  component: "Write, build and test components",
  bundle: "Build, inspect and check bundles",
  mcp: "List and call tools",
  oauth: "Consent at OAuth providers, list and end grants",
  policy: "Check and try the rules of policy",
  secrets: "Keep secrets",
  deployer: "Set up tenants and deploy bundles",
  conformance: "Judge packs, flows, components, runners, providers, spans and deployments",
  config: "Show configuration",
  session: "Look at sessions",
  outbox: "Look at sends",
  audit: "Look at who did what",
  dlq: "Look at what could not be handled or delivered",
  admin: "Ask a host's admin API",
  "admin token": "Make, list and revoke tokens of the admin API",
};

/** Commands that run until they are told to stop: ending them is no interruption. */
const SERVING: ReadonlySet<string> = new Set(["start", "dev"]);

/**
 * Runs one command line, without the program's name. Every outcome is an exit code: 0 ok, 1 internal, 2 invalid input or usage,
 * 3 not found, 4 permission or signature, 5 unavailable, 130 interrupted.
 */
export async function runCli(given: readonly string[], io: CommandIo): Promise<number> {
  const argv = asJudged(given, io);
  const words = matchCommand(argv);
  const program = newProgram("gtc", io)
    .description("Greentic: signed packs, durable flows, sandboxed tools")
    .version(VERSION);
  let exitCode = 0;
  /** Adds a command below those that its words before the last name. */
  const addCommand = (path: string, summary: string): Command => {
    const parts = path.split(" ");
    const parent = parts.slice(0, -1).reduce<Command | undefined>(childOf, program);
    const command = newProgram(parts.at(-1) ?? "", io).description(summary);
    parent?.addCommand(command);
    return command;
  };
  for (const [nouns, summary] of Object.entries(NOUNS)) addCommand(nouns, summary);
  for (const [path, entry] of Object.entries(COMMANDS)) {
    const command = addCommand(path, entry.summary);
    if (path === words) {
      const spec = (await entry.load()).default;
      describe(command, spec);
      command.action(async () => {
        exitCode = (await spec.run({ args: command.args, options: command.opts() }, io)) ?? 0;
      });
    } else command.action(() => undefined);
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return io.signal.aborted && exitCode === 0 && !SERVING.has(words ?? "") ? 130 : exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodeOf("invalid_input");
    return reportError(error, io);
  }
}

/** A judge calls a runner with a pack alone: `greentic-runner PACK` answers it. */
function asJudged(argv: readonly string[], { environment }: CommandIo): readonly string[] {
  const [noun, pack = "-"] = argv;
  const isAsked = environment[CONFORMANCE_FLAG] === "1" && noun === "runner";
  return isAsked && !pack.startsWith("-") && matchCommand(argv) === undefined
    ? ["runner", "answer", ...argv.slice(1)]
    : argv;
}

/** Set where a judge of runners asks; the contract is in conformance/answer-check.ts, which a start has no time to load. */
const CONFORMANCE_FLAG = "GREENTIC_CONFORMANCE";

function matchCommand(argv: readonly string[]): string | undefined {
  const named = [3, 2, 1].map((words) => argv.slice(0, words).join(" "));
  return named.find((path) => Object.hasOwn(COMMANDS, path));
}

function newProgram(name: string, io: CommandIo): Command {
  return new Command(name)
    .exitOverride()
    .allowExcessArguments(false)
    .showHelpAfterError("(add --help for its arguments and options)")
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
}

function childOf(command: Command | undefined, name: string): Command | undefined {
  return command?.commands.find((child) => child.name() === name);
}

function describe(command: Command, spec: CommandSpec): void {
  for (const argument of spec.arguments ?? [])
    command.argument(argument.optional === true ? `[${argument.name}]` : `<${argument.name}>`, argument.summary);
  for (const option of spec.options ?? []) {
    const made = new Option(option.flags, option.summary);
    if (option.default !== undefined) made.default(option.default);
    if (option.required === true) made.makeOptionMandatory();
    if (option.repeat === true)
      made.argParser((value: string, all: readonly string[] | undefined) => [...(all ?? []), value]);
    command.addOption(made);
  }
  if (spec.examples)
    command.addHelpText("after", `\nExamples:\n${spec.examples.map((example) => `  $ ${example}`).join("\n")}`);
}
