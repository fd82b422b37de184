export type { CommandIo, CommandSpec } from "./command.ts";
export { defineCommand } from "./command.ts";
export { COMMANDS } from "./command-table.ts";
export { runCli } from "./run-cli.ts";
export { VERSION } from "./version.ts";
