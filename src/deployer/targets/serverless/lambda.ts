import type { JsonObject } from "../../../types/index.ts";
import { imageArgs, IMAGE_ENTRYPOINT, IN_IMAGE } from "../../host-command.ts";
import type { Deployment } from "../../target.ts";
import type { ServerlessSettings } from "./spec.ts";

/** The only place that a function may write to. */
const DATA = "/tmp/greentic";

/**
 * A function of AWS Lambda with a URL, and a clock that wakes it each minute for timers and what an ended instance left. The
 * host speaks the Runtime API itself. Its arguments are the image's own but for the data directory.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
 */
export function lambdaTemplate(deployment: Deployment, settings: ServerlessSettings): JsonObject {
  const { name, env, publicBaseUrl, otlpEndpoint } = deployment;
  const { image, memoryMib, maxInstances } = settings;
  const secret = (key: string): string => `{{resolve:secretsmanager:${name}/${key}}}`;
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: `Greentic ${name}`,
    Resources: {
      Role: {
        Type: "AWS::IAM::Role",
        Properties: {
          AssumeRolePolicyDocument: {
            Version: "2012-10-17",
            Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
          },
          ManagedPolicyArns: [
            { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" },
          ],
        },
      },
      Host: {
        Type: "AWS::Lambda::Function",
        Properties: {
          FunctionName: name,
          PackageType: "Image",
          Code: { ImageUri: image },
          ImageConfig: {
            EntryPoint: [...IMAGE_ENTRYPOINT],
            Command: [...lambdaArgs()],
            WorkingDirectory: "/tmp",
          },
          Architectures: ["x86_64"],
          MemorySize: memoryMib,
          Timeout: 60,
          EphemeralStorage: { Size: 512 },
          ReservedConcurrentExecutions: maxInstances,
          Role: { "Fn::GetAtt": ["Role", "Arn"] },
          Environment: {
            Variables: {
              GREENTIC_ENV: env,
              GREENTIC_CONFIG: IN_IMAGE.config,
              GREENTIC_LOG_FORMAT: "json",
              GREENTIC_REDIS_URL: secret("redis-url"),
              GREENTIC_TOKEN_KEY: secret("token-key"),
              ...(publicBaseUrl !== undefined && { GREENTIC_PUBLIC_BASE_URL: publicBaseUrl }),
              ...(otlpEndpoint !== undefined && { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint }),
            },
          },
        },
      },
      Address: {
        Type: "AWS::Lambda::Url",
        Properties: { TargetFunctionArn: { "Fn::GetAtt": ["Host", "Arn"] }, AuthType: "NONE", InvokeMode: "BUFFERED" },
      },
      AddressIsPublic: {
        Type: "AWS::Lambda::Permission",
        Properties: {
          FunctionName: { Ref: "Host" },
          Action: "lambda:InvokeFunctionUrl",
          Principal: "*",
          FunctionUrlAuthType: "NONE",
        },
      },
      Clock: {
        Type: "AWS::Events::Rule",
        Properties: {
          Description: "Wakes the host for timers and for what is overdue",
          ScheduleExpression: "rate(1 minute)",
          State: "ENABLED",
          Targets: [{ Id: "host", Arn: { "Fn::GetAtt": ["Host", "Arn"] }, Input: '{"greentic":"tick"}' }],
        },
      },
      ClockMayCall: {
        Type: "AWS::Lambda::Permission",
        Properties: {
          FunctionName: { Ref: "Host" },
          Action: "lambda:InvokeFunction",
          Principal: "events.amazonaws.com",
          SourceArn: { "Fn::GetAtt": ["Clock", "Arn"] },
        },
      },
    },
    Outputs: { Url: { Value: { "Fn::GetAtt": ["Address", "FunctionUrl"] } } },
  };
}

/** The image's own arguments, with the data directory where a function may write. */
function lambdaArgs(): readonly string[] {
  return imageArgs().map((word) => (word === IN_IMAGE.data ? DATA : word));
}
