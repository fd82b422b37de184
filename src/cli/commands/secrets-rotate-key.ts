import { loadConfig } from "../../config/index.ts";
import { defineCommand, hasFlag } from "../command.ts";
import { localSecrets } from "../local-secrets.ts";
import { onRecord } from "../open-audit.ts";

export default defineCommand({
  summary: "Put a new master key in the place of the one that sealed secrets open with",
  options: [
    {
      flags: "--reseal",
      summary: "seal every secret anew under a new data key too, as after the old key was lost to somebody",
    },
  ],
  examples: ["gtc secrets rotate-key", "gtc secrets rotate-key --reseal"],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const { sealed } = localSecrets(config);
    await onRecord(config, { action: "secret.rotate-key", target: sealed.file }, () =>
      sealed.rotateKey({ isResealed: hasFlag(input, "reseal") }),
    );
    const { keyId = "", keeper = "file" } = (await sealed.describe()) ?? {};
    io.stdout.write(`rotated: key ${keyId} is kept in the ${keeper}\n`);
  },
});
