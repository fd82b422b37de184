import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { applyDeployment, planDeployment, revisionsOf, rollbackDeployment } from "./carry-out.ts";
import { makeDeployment } from "./deployment-fixture.ts";
import { programRunner } from "./run-program.ts";
import type { Deployment, TargetTools } from "./target.ts";
import { findTarget } from "./targets/catalog.ts";

/** Programs that write down how they were called, and fail while a file `fail-<name>` is there. */
function recorded(
  deployment: Deployment,
  ...programs: readonly string[]
): TargetTools & { calls(): readonly string[] } {
  const { home } = deployment.machine;
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  for (const program of programs) {
    writeFileSync(
      join(bin, program),
      `#!/bin/sh\necho "${program} $*" >> ${home}/calls\nif [ -e ${home}/fail-${program} ]; then echo "no way" >&2; exit 7; fi\n`,
    );
    chmodSync(join(bin, program), 0o755);
  }
  writeFileSync(join(home, "calls"), "");
  return {
    run: programRunner({ cwd: home, environment: { PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin` } }),
    tell: () => undefined,
    calls: () =>
      readFileSync(join(home, "calls"), "utf8")
        .split("\n")
        .filter((line) => line !== ""),
  };
}

const nowMs = Date.UTC(2026, 0, 2);

describe("applyDeployment() on the desktop", () => {
  const desktop = findTarget("desktop");

  test("writes the unit, starts it, and does nothing the second time", async () => {
    verifies("deploy.idempotent", "deploy.units");
    const deployment = makeDeployment();
    const tools = recorded(deployment, "systemctl");
    expect((await planDeployment(desktop, deployment)).changes).toEqual([
      { file: "greentic-shop.service", kind: "create" },
    ]);
    expect(await applyDeployment(desktop, deployment, { tools, nowMs })).toMatchObject({ isChanged: true });
    const unit = join(deployment.machine.configHome, "systemd/user/greentic-shop.service");
    expect(readFileSync(unit, "utf8")).toContain(`--data ${deployment.machine.dataDir}\n`);
    expect(statSync(unit).mode & 0o777).toBe(0o644);
    const first = tools.calls();
    expect(first).toEqual([
      "systemctl --user daemon-reload",
      "systemctl --user enable greentic-shop.service",
      "systemctl --user restart greentic-shop.service",
    ]);
    expect((await planDeployment(desktop, deployment)).changes).toEqual([]);
    expect(await applyDeployment(desktop, deployment, { tools, nowMs })).toMatchObject({ isChanged: false });
    expect(tools.calls()).toEqual(first);
  });

  test("sets right what somebody else changed, and takes away what isn't wanted any more", async () => {
    verifies("deploy.plan");
    const deployment = makeDeployment();
    const tools = recorded(deployment, "systemctl", "launchctl");
    await applyDeployment(desktop, deployment, { tools, nowMs });
    const unit = join(deployment.machine.configHome, "systemd/user/greentic-shop.service");
    writeFileSync(unit, "[Service]\nExecStart=/bin/false\n");
    expect((await planDeployment(desktop, deployment)).changes).toEqual([
      { file: "greentic-shop.service", kind: "restore" },
    ]);
    await applyDeployment(desktop, deployment, { tools, nowMs });
    expect(readFileSync(unit, "utf8")).toContain("Greentic shop");
    const other = { ...deployment, table: { manager: "launchd" } };
    expect((await planDeployment(desktop, other)).changes).toEqual([
      { file: "ai.greentic.shop.plist", kind: "create" },
      { file: "greentic-shop.service", kind: "delete" },
    ]);
    await applyDeployment(desktop, other, { tools, nowMs });
    expect(existsSync(unit)).toBe(false);
    expect(tools.calls().slice(-3)).toEqual([
      "systemctl --user disable --now greentic-shop.service",
      `launchctl bootout gui/${process.getuid?.()}/ai.greentic.shop`,
      `launchctl bootstrap gui/${process.getuid?.()} ${join(deployment.machine.home, "Library/LaunchAgents/ai.greentic.shop.plist")}`,
    ]);
  });

  test("a try that failed is noted, made again, and never taken for done", async () => {
    verifies("deploy.plan");
    const deployment = makeDeployment();
    const tools = recorded(deployment, "systemctl");
    writeFileSync(join(deployment.machine.home, "fail-systemctl"), "");
    await expect(applyDeployment(desktop, deployment, { tools, nowMs })).rejects.toMatchObject({
      code: "DEPLOYER_PROGRAM_FAILED",
      message: expect.stringContaining('exit code 7, "no way"') as string,
    });
    expect(await planDeployment(desktop, deployment)).toMatchObject({ isUnfinished: true });
    expect((await revisionsOf(desktop, deployment)).map(({ outcome }) => outcome)).toEqual(["failed"]);
    writeFileSync(join(deployment.machine.home, "bin/systemctl"), "#!/bin/sh\n");
    expect(await applyDeployment(desktop, deployment, { tools, nowMs })).toMatchObject({
      isChanged: true,
      revision: { number: 2 },
    });
    expect(await planDeployment(desktop, deployment)).toMatchObject({ isUnfinished: false, changes: [] });
  });

  test("goes back to the revision before, and back again", async () => {
    verifies("deploy.rollback");
    const deployment = makeDeployment();
    const tools = recorded(deployment, "systemctl");
    const unit = join(deployment.machine.configHome, "systemd/user/greentic-shop.service");
    await applyDeployment(desktop, deployment, { tools, nowMs });
    const first = readFileSync(unit, "utf8");
    await expect(rollbackDeployment(desktop, deployment, { tools, nowMs })).rejects.toMatchObject({
      code: "DEPLOYER_REVISION_MISSING",
    });
    const next = { ...deployment, table: { port: 9000 } };
    await applyDeployment(desktop, next, { tools, nowMs });
    const second = readFileSync(unit, "utf8");
    expect(second).toContain("--port 9000");
    expect(await rollbackDeployment(desktop, next, { tools, nowMs })).toMatchObject({
      from: 1,
      revision: { number: 3 },
    });
    expect(readFileSync(unit, "utf8")).toBe(first);
    expect(await rollbackDeployment(desktop, next, { tools, nowMs, to: 2 })).toMatchObject({ revision: { number: 4 } });
    expect(readFileSync(unit, "utf8")).toBe(second);
  });

  test("refuses a state that something else changed", async () => {
    const deployment = makeDeployment();
    const tools = recorded(deployment, "systemctl");
    await applyDeployment(desktop, deployment, { tools, nowMs });
    const kept = join(deployment.machine.dataDir, "deployments/shop/desktop/revisions/1/greentic-shop.service");
    writeFileSync(kept, "other");
    await expect(planDeployment(desktop, deployment)).rejects.toMatchObject({ code: "DEPLOYER_STATE_INVALID" });
  });
});

describe("applyDeployment() elsewhere", () => {
  test("says the exact command where a program isn't there", async () => {
    const deployment = makeDeployment();
    const tools = recorded(deployment);
    const run = programRunner({
      cwd: deployment.machine.home,
      environment: { PATH: join(deployment.machine.home, "bin") },
    });
    const dir = join(deployment.machine.dataDir, "deployments/shop/kubernetes/revisions/1");
    await expect(
      applyDeployment(findTarget("kubernetes"), deployment, { tools: { ...tools, run }, nowMs }),
    ).rejects.toMatchObject({
      code: "DEPLOYER_PROGRAM_MISSING",
      details: {
        command: `kubectl apply --server-side --field-manager=greentic-deployer -f ${dir}/00-account.yaml`,
      },
    });
  });

  test("a cluster loses by name what isn't wanted any more, but no claim", async () => {
    verifies("deploy.idempotent", "deploy.plan");
    const kubernetes = findTarget("kubernetes");
    const deployment = makeDeployment({ table: { autoscaling: "keda", cache_class: "shared" } });
    const tools = recorded(deployment, "kubectl");
    await applyDeployment(kubernetes, deployment, { tools, nowMs });
    const first = tools.calls().length;
    await applyDeployment(kubernetes, deployment, { tools, nowMs });
    expect(tools.calls()).toHaveLength(first);
    await applyDeployment(kubernetes, { ...deployment, table: {} }, { tools, nowMs });
    const deleted = tools.calls().filter((call) => call.startsWith("kubectl delete"));
    expect(deleted).toEqual(["kubectl delete ScaledObject shop-worker -n shop --ignore-not-found"]);
  });

  test.each([
    ["cloud-run", "gcloud", "gcloud run services replace DIR/service.yaml --region europe-west1"],
    [
      "lambda",
      "aws",
      "aws cloudformation deploy --stack-name shop --template-file DIR/template.json --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --region eu-central-1",
    ],
    ["container-apps", "az", "az containerapp create --name shop --resource-group group --yaml DIR/containerapp.yaml"],
  ])("%s is told by its own program, once", async (platform, program, command) => {
    verifies("deploy.serverless", "deploy.idempotent");
    const serverless = findTarget("serverless");
    const azure = { resource_group: "group", app_environment: "/e", identity: "/i", key_vault: "vault" };
    const deployment = makeDeployment({ table: { platform, ...azure } });
    const tools = recorded(deployment, program);
    await applyDeployment(serverless, deployment, { tools, nowMs });
    await applyDeployment(serverless, deployment, { tools, nowMs });
    const dir = join(deployment.machine.dataDir, "deployments/shop/serverless/revisions/1");
    expect(tools.calls()).toEqual([command.replace("DIR", dir)]);
  });
});
