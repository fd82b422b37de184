import { stringify } from "yaml";
import type { Deployment, RenderedFiles } from "../../target.ts";
import { cloudRunService } from "./cloud-run.ts";
import { containerApp } from "./container-apps.ts";
import { lambdaTemplate } from "./lambda.ts";
import { readServerless } from "./spec.ts";

/** Renders the platform's own description. @throws DEPLOYER_SETTING_MISSING */
export function renderServerless(deployment: Deployment): RenderedFiles {
  const settings = readServerless(deployment);
  const yaml = (value: unknown): string =>
    // The platforms' programs read YAML 1.1, to which a plain `yes` is no text.
    stringify(value, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false });
  switch (settings.platform) {
    case "cloud-run":
      return new Map([["service.yaml", yaml(cloudRunService(deployment, settings))]]);
    case "lambda":
      return new Map([["template.json", `${JSON.stringify(lambdaTemplate(deployment, settings), undefined, 2)}\n`]]);
    case "container-apps":
      break;
  }
  return new Map([["containerapp.yaml", yaml(containerApp(deployment, settings))]]);
}
