import { loadSdk } from "../../secrets/index.ts";
import type { World } from "../../types/index.ts";
import type { ServerClock } from "../server-clock.ts";

/** What a request and an answer hold, as the service names it. */
export type Fields = Readonly<Record<string, unknown>>;

interface Client {
  readonly middlewareStack: {
    add(
      middleware: (next: (args: object) => Promise<Heard>) => (args: object) => Promise<Heard>,
      options: object,
    ): void;
  };
  send(command: object, options: { readonly abortSignal?: AbortSignal }): Promise<Fields>;
  destroy(): void;
}
interface Heard {
  readonly response?: { readonly headers?: Readonly<Record<string, string>> };
}

const COMMANDS = ["BatchGetItem", "Query", "TransactWriteItems", "DescribeTable", "CreateTable"] as const;
type Command = (typeof COMMANDS)[number];
/** What is used of `@aws-sdk/client-dynamodb`. */
type DynamoSdk = Readonly<Record<`${Command}Command`, new (input: object) => object>> & {
  readonly DynamoDBClient: new (options: object) => Client;
};

const SDK = "@aws-sdk/client-dynamodb";
const CONNECT_MS = 3_000;
/** The service tells its time in whole seconds. */
const SECOND_MS = 1_000;

/** Where the table is; who the host is comes from the SDK's own chain (environment, profile, container, instance, web identity). */
export interface DynamoClientOptions {
  /** Without it, the SDK's own: `AWS_REGION`, the profile. */
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  /** The directory below which `@aws-sdk/client-dynamodb` is installed, where it isn't beside the host. */
  readonly sdkDir?: string | undefined;
  readonly world: World;
}

/** The official client, as it is asked. */
export interface DynamoClient {
  send(command: Command, input: Fields, signal: AbortSignal): Promise<Fields>;
  close(): void;
}

/** Loads the client and lets `clock` hear each answer. @throws SECRETS_SDK_MISSING, SECRETS_SDK_BROKEN */
export async function createDynamoClient(
  { region, endpoint, sdkDir, world }: DynamoClientOptions,
  clock: ServerClock,
): Promise<DynamoClient> {
  const sdk = (await loadSdk(SDK, { sdkDir })) as DynamoSdk;
  const client = new sdk.DynamoDBClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // What is asked again, and what may be, is known better here.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS },
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      const askedMs = world.monotonicMs();
      const result = await next(args);
      const saidMs = Date.parse(result.response?.headers?.["date"] ?? "");
      if (!Number.isNaN(saidMs)) clock.heard(saidMs, { askedMs, precisionMs: SECOND_MS });
      return result;
    },
    { step: "deserialize", priority: "low", name: "greenticClock" },
  );
  return {
    send: (command, input, abortSignal) => client.send(new sdk[`${command}Command`](input), { abortSignal }),
    close: () => client.destroy(),
  };
}
