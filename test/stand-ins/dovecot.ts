import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { userInfo, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ImapFlow } from "imapflow";
import { freePort, hasServer, SERVER_PATH } from "./server-program.ts";

/** A real IMAP server of a test's own, with empty mailboxes. */
export interface Dovecot extends AsyncDisposable {
  readonly port: number;
  /** A connection of one who looks into the mailbox beside the worker. */
  readonly connect: (user?: string) => Promise<ImapFlow>;
  /** Breaks all connections, as a server does that starts again. */
  readonly restart: () => Promise<void>;
}

const PROGRAM = "dovecot";

/** Whether there is one to test with. Where it must be (CI) and isn't, the run fails. */
export const hasDovecot = hasServer(PROGRAM);

/** The password of every user. */
export const DOVECOT_PASSWORD = "a-password";

/** Starts one on a free port of this machine; every name is a user's. */
export async function startDovecot(): Promise<Dovecot> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-dovecot-"));
  const port = await freePort();
  const isRoot = userInfo().uid === 0;
  const me = userInfo().username;
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, "mail"));
  chmodSync(join(dir, "mail"), 0o777);
  // Its own users where it may have them: it refuses to keep mail as root.
  const own = isRoot ? "uid=mail gid=mail" : `uid=${userInfo().uid} gid=${userInfo().gid}`;
  writeFileSync(
    join(dir, "dovecot.conf"),
    `base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 1
mail_location = maildir:${dir}/mail/%u
${isRoot ? "" : `default_internal_user = ${me}\ndefault_login_user = ${me}\ndefault_internal_group = ${me}\n`}
passdb {
  driver = static
  args = password=${DOVECOT_PASSWORD}
}
userdb {
  driver = static
  args = ${own} home=${dir}/mail/%u allow_all_users=yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
namespace inbox {
  inbox = yes
  mailbox Sent {
    auto = create
  }
  mailbox Done {
    auto = create
  }
}
`,
  );
  let child = spawn(PROGRAM, ["-F", "-c", join(dir, "dovecot.conf")], { stdio: "ignore", env: { PATH: SERVER_PATH } });
  const connect = async (user = "worker"): Promise<ImapFlow> => {
    const client = new ImapFlow({
      host: "127.0.0.1",
      port,
      secure: false,
      auth: { user, pass: DOVECOT_PASSWORD },
      logger: false,
    });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const ready = async (): Promise<void> => {
    for (let tries = 0; ; tries++) {
      try {
        await (await connect()).logout();
        return;
      } catch (error) {
        if (tries > 200 || child.exitCode !== null)
          throw new Error(`dovecot doesn't answer: see ${dir}/log`, { cause: error });
        await sleep(50);
      }
    }
  };
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await ended;
  };
  await ready();
  return {
    port,
    connect,
    restart: async () => {
      await stop();
      child = spawn(PROGRAM, ["-F", "-c", join(dir, "dovecot.conf")], { stdio: "ignore", env: { PATH: SERVER_PATH } });
      await ready();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
