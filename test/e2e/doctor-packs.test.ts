import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildBuiltInPack } from "../../scripts/provider-packs/built-in-packs.ts";
import { findToolchains } from "../../src/component/authoring/toolchains.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { ROOT } from "./shell.ts";

const TOKEN = "987654:AAF_stand-in-token-0123456789";
const CALLBACK = "https://chat.example.com/v1/messaging/ingress/telegram/demo";

const absent = (await findToolchains(ROOT)).filter(
  ({ languages, isPresent }) => !isPresent && languages.includes("typescript"),
);

test.skipIf(absent.length > 0)(
  "gtc doctor --online asks the platform of a channel that a pack serves, with what the pack is set up with",
  async () => {
    verifies("doctor.online");
    const telegram = await openTelegramStandIn({ token: TOKEN });
    const dir = await makeChannelBundle({
      flow: CITY_FLOW(["Rome", "Oslo"]),
      providers: `  telegram: { pack: messaging-telegram.gtpack, config: { public_base_url: "https://chat.example.com" } }\n`,
      // The token is kept under the pack's name, as several channels may share it.
      secrets: {
        "messaging-telegram": { telegram_bot_token: TOKEN },
        telegram: { telegram_secret_token: "Stand-in_secret-0123456789" },
      },
    });
    writeFileSync(join(dir, "messaging-telegram.gtpack"), await buildBuiltInPack("telegram"));
    const doctor = (args: readonly string[] = []): Promise<string> => {
      const env = {
        PATH: process.env["PATH"] ?? "",
        GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url}`,
        GREENTIC_DATA_DIR: "data",
      };
      const child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "doctor", ".", ...args], {
        cwd: dir,
        env,
        stdio: ["ignore", "pipe", "ignore"],
      });
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
      return new Promise((done) =>
        child.once("close", () => done(said.replaceAll(/^(?!.*channel telegram).*\n/gm, ""))),
      );
    };
    try {
      const served = "channel telegram: pack messaging-telegram";
      expect(await doctor()).toMatch(new RegExp(`^ok +${served}`));
      const unset = await doctor(["--online"]);
      expect(unset).toMatch(/^FAIL +channel telegram: .*webhook/);
      await fetch(`${telegram.url}/bot${TOKEN}/setWebhook`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ url: CALLBACK, allowed_updates: ["message", "callback_query"] }),
      });
      const live = await doctor(["--online"]);
      expect(live).toMatch(new RegExp(`^ok +${served}`));
      expect(live).toContain("the token is of @stand_in_bot; Telegram posts to https://chat.example.com");
      expect(live + unset).not.toContain("0123456789");
    } finally {
      await telegram.close();
    }
  },
  180_000,
);
