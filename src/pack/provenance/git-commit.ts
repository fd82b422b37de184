import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The commit that a source directory is at. */
export interface GitCommit {
  /** Lower-case hex. */
  readonly commit: string;
  /** Where it is fetched from, without a user or password. */
  readonly uri?: string;
  /** Whether files of the directory differ from the commit's. */
  readonly isDirty: boolean;
}

const run = promisify(execFile);

/** Asks git for the commit of a directory; undefined where it is in no repository, or there is no git. */
export async function readGitCommit(directory: string): Promise<GitCommit | undefined> {
  const git = async (...args: readonly string[]): Promise<string | undefined> => {
    try {
      // A repository's own configuration must not start programs here.
      const { stdout } = await run("git", ["-c", "core.fsmonitor=false", ...args], {
        cwd: directory,
        maxBuffer: 16 << 20,
      });
      return stdout.trim();
    } catch {
      return undefined;
    }
  };
  const commit = await git("rev-parse", "--verify", "HEAD");
  if (commit === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return undefined;
  const status = await git("status", "--porcelain", "--", ".");
  const uri = fetchUri(await git("remote", "get-url", "origin"));
  return { commit, isDirty: status !== "", ...(uri !== undefined && { uri }) };
}

/** A remote's address as a material's; a path on this machine says nothing to others. */
function fetchUri(remote: string | undefined): string | undefined {
  const [, host, path] = /^(?:[\w.-]+@)([\w.-]+):(?!\/\/)([^\s]+)$/.exec(remote ?? "") ?? [];
  const address = host === undefined ? remote : `ssh://${host}/${path}`;
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (!["https:", "http:", "ssh:", "git:"].includes(url.protocol)) return undefined;
  url.username = "";
  url.password = "";
  return `git+${url.href}`;
}
