import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { openShell, ROOT } from "./shell.ts";

test(
  "the same source gives the same bytes in two directories, under two umasks and in two time zones",
  { timeout: 120_000 },
  async () => {
    verifies("pack.golden");
    const shell = openShell();
    const build = async (place: string, umask: string, zone: string): Promise<void> => {
      const source = join(ROOT, "examples/weather-demo");
      const said = await shell.run(
        `umask ${umask} && mkdir -p ${place} && cp -R ${source}/pack.yaml ${source}/flows ${source}/components ${source}/assets ${place}/ && ` +
          `gtc pack build ${place} -o ${place}/out.gtpack --key acme.pem --provenance`,
        { env: { TZ: zone, LC_ALL: zone === "Asia/Tokyo" ? "ja_JP.UTF-8" : "C" } },
      );
      expect(said, said.stderr).toMatchObject({ code: 0 });
    };
    expect(await shell.run("gtc pack keygen --output acme.pem")).toMatchObject({ code: 0 });
    await build("one", "022", "Asia/Tokyo");
    await build("deeper/two", "077", "America/St_Johns");
    const read = (file: string): Buffer => readFileSync(join(shell.dir, file));
    // The sources do differ, in everything but their content.
    const modeOf = (file: string): number => statSync(join(shell.dir, file)).mode & 0o777;
    expect(modeOf("one/pack.yaml")).not.toBe(modeOf("deeper/two/pack.yaml"));
    expect(read("one/out.gtpack").equals(read("deeper/two/out.gtpack"))).toBe(true);
    expect(read("one/out.gtpack.intoto.json").equals(read("deeper/two/out.gtpack.intoto.json"))).toBe(true);
  },
);
