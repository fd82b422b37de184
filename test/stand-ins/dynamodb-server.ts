/**
 * DynamoDB: dynalite, and before it TransactWriteItems, which it hasn't. A transaction is done by dynalite's own operations while nobody
 * else is let at the tables, and undone where one of its conditions doesn't hold. Everything else is passed on.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { loadPeer } from "../peers/load-peer.ts";

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body: Json;
}
interface Reason {
  readonly Code: string;
  readonly Message?: string;
}

/** One operation of a transaction, as dynalite does it. */
interface Operation {
  readonly action: "PutItem" | "DeleteItem" | "UpdateItem";
  readonly input: Json;
  readonly table: string;
  readonly key: Json;
  readonly isCheck: boolean;
}

export interface DynamoServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Moves with each request that changed something. */
  writes: number;
  /** Moves with each request that was carried out. */
  done: number;
  /** Every operation that was asked for. */
  readonly asked: string[];
  /** How many of the next requests are told that the table is asked for too much. */
  throttled: number;
  /** Answers everything with this status while it is set. */
  failing: number | undefined;
  /** Keys that one BatchGetItem processes at most. */
  batchKeys: number;
  /** Breaks all connections. */
  reset(): void;
}

const PREFIX = "DynamoDB_20120810.";
const TYPE = "com.amazonaws.dynamodb.v20120810#";
const CHANGING = new Set(["PutItem", "DeleteItem", "UpdateItem", "BatchWriteItem"]);
const TOKEN_MS = 600_000;
const TRANSACTION_MAX = 100;
const TRANSACTION_BYTES = 4 << 20;
const OK: Reason = { Code: "None" };

export async function startDynamo(): Promise<DynamoServer> {
  const dynalite = loadPeer("dynalite") as (options: object) => Server;
  const inner = dynalite({ createTableMs: 30, deleteTableMs: 30 });
  inner.listen(0, "127.0.0.1");
  await once(inner, "listening");
  const behind = `http://127.0.0.1:${(inner.address() as AddressInfo).port}/`;

  const tokens = new Map<string, { readonly hash: string; readonly atMs: number; isDone: boolean }>();
  const held = new Set<string>();
  const under = new Set<Promise<unknown>>();
  let alone: Promise<unknown> = Promise.resolve();

  const ask = async (headers: IncomingHttpHeaders, action: string, body: string): Promise<Answer> => {
    const response = await fetch(behind, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": PREFIX + action,
        "x-amz-date": String(headers["x-amz-date"]),
        authorization: String(headers.authorization),
      },
      body,
    });
    return { status: response.status, body: (await response.json()) as Json };
  };

  /** Lets requests at the tables side by side, but for transactions. */
  const together = async <T>(work: () => Promise<T>): Promise<T> => {
    await alone;
    const working = work();
    under.add(working);
    try {
      return await working;
    } finally {
      under.delete(working);
    }
  };
  const byItself = <T>(work: () => Promise<T>): Promise<T> => {
    const before = alone;
    const working = (async () => {
      await before;
      await Promise.allSettled(under);
      return work();
    })();
    alone = working.catch(() => undefined);
    return working;
  };

  /** Does all, or undoes what it did and tells why. What has a condition goes first. */
  const transact = async (
    headers: IncomingHttpHeaders,
    operations: readonly Operation[],
  ): Promise<readonly Reason[]> => {
    const reasons = operations.map(() => OK);
    const undo: (() => Promise<unknown>)[] = [];
    for (const hasCondition of [true, false]) {
      const doing = operations.map(async ({ action, input, table, key, isCheck }, n) => {
        if (hasCondition !== "ConditionExpression" in input) return;
        const done = await ask(headers, action, JSON.stringify({ ...input, ReturnValues: "ALL_OLD" }));
        if (done.status !== 200) {
          reasons[n] = { Code: reasonOf(done.body), Message: String(done.body["message"]) };
          return;
        }
        const { Attributes: Item } = done.body;
        const restore = (): Promise<unknown> =>
          Item === undefined
            ? ask(headers, "DeleteItem", JSON.stringify({ TableName: table, Key: key }))
            : ask(headers, "PutItem", JSON.stringify({ TableName: table, Item }));
        if (isCheck) await restore();
        else undo.push(restore);
      });
      await Promise.all(doing);
      if (reasons.every(({ Code }) => Code === "None")) continue;
      await Promise.all(undo.map((restore) => restore()));
      break;
    }
    return reasons;
  };

  const write = async (headers: IncomingHttpHeaders, text: string): Promise<Answer> => {
    const { TransactItems, ClientRequestToken } = JSON.parse(text) as {
      readonly TransactItems: readonly Json[];
      readonly ClientRequestToken: string;
    };
    const operations = TransactItems.map(readOperation);
    const names = operations.map(({ table, key }) => JSON.stringify([table, key["pk"], key["sk"]]));
    const invalid =
      operations.length > TRANSACTION_MAX
        ? `Member must have length less than or equal to ${TRANSACTION_MAX}`
        : new Set(names).size < names.length
          ? "Transaction request cannot include multiple operations on one item"
          : sizeOf(operations) > TRANSACTION_BYTES
            ? "Collection size in bytes exceeded for this transaction"
            : undefined;
    if (invalid !== undefined) return refused("ValidationException", invalid);
    const hash = createHash("sha256").update(text).digest("hex");
    const known = tokens.get(ClientRequestToken);
    if (known !== undefined && Date.now() - known.atMs < TOKEN_MS) {
      if (known.hash !== hash) return refused("IdempotentParameterMismatchException", "");
      return known.isDone ? { status: 200, body: {} } : refused("TransactionInProgressException", "");
    }
    const conflicts = names.map((name): Reason => (held.has(name) ? { Code: "TransactionConflict" } : OK));
    if (conflicts.some(({ Code }) => Code !== "None")) return canceled(conflicts);
    const token = { hash, atMs: Date.now(), isDone: false };
    tokens.set(ClientRequestToken, token);
    for (const name of names) held.add(name);
    try {
      const reasons = await byItself(() => transact(headers, operations));
      if (reasons.some(({ Code }) => Code !== "None")) return canceled(reasons);
      token.isDone = true;
      server.writes++;
      return { status: 200, body: {} };
    } finally {
      for (const name of names) held.delete(name);
      if (!token.isDone) tokens.delete(ClientRequestToken);
    }
  };

  /** Processes some of the keys and gives the others back, as the service does above 16 MB or when it is busy. */
  const getSome = async (headers: IncomingHttpHeaders, text: string): Promise<Answer> => {
    const { RequestItems } = JSON.parse(text) as { readonly RequestItems: Readonly<Record<string, Json>> };
    const [[table, wanted] = ["", {}]] = Object.entries(RequestItems);
    const keys = (wanted as { readonly Keys?: readonly Json[] }).Keys ?? [];
    const some = { RequestItems: { [table]: { ...wanted, Keys: keys.slice(0, server.batchKeys) } } };
    const answer = await ask(headers, "BatchGetItem", JSON.stringify(some));
    const rest = keys.slice(server.batchKeys);
    if (answer.status !== 200 || rest.length === 0) return answer;
    return { ...answer, body: { ...answer.body, UnprocessedKeys: { [table]: { ...wanted, Keys: rest } } } };
  };

  /** Dynalite makes tables without their tags. */
  const tag = async (headers: IncomingHttpHeaders, asked: string, { TableDescription }: Json): Promise<void> => {
    const { Tags } = JSON.parse(asked) as { readonly Tags?: readonly Json[] };
    const ResourceArn = (TableDescription as Json)["TableArn"];
    if (Tags !== undefined) await ask(headers, "TagResource", JSON.stringify({ ResourceArn, Tags }));
  };

  const answerTo = async (headers: IncomingHttpHeaders, body: string): Promise<Answer> => {
    const action = String(headers["x-amz-target"]).replace(PREFIX, "");
    server.asked.push(action);
    if (server.failing !== undefined) return { status: server.failing, body: { __type: `${TYPE}InternalServerError` } };
    if (server.throttled > 0) {
      server.throttled--;
      return refused("ProvisionedThroughputExceededException", "said by the stand-in");
    }
    if (action === "TransactWriteItems") return write(headers, body);
    const answer = await together(() =>
      action === "BatchGetItem" ? getSome(headers, body) : ask(headers, action, body),
    );
    if (CHANGING.has(action) && answer.status === 200) server.writes++;
    if (action === "CreateTable" && answer.status === 200) await tag(headers, body, answer.body);
    return answer;
  };

  const outer = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void answerTo(request.headers, Buffer.concat(chunks).toString()).then((answer) => {
        if (answer.status === 200) server.done++;
        reply(response, answer);
      });
    });
  });
  outer.listen(0, "127.0.0.1");
  await once(outer, "listening");
  const { port } = outer.address() as AddressInfo;
  const server: DynamoServer = {
    port,
    url: `http://127.0.0.1:${port}`,
    writes: 0,
    done: 0,
    asked: [],
    throttled: 0,
    failing: undefined,
    batchKeys: TRANSACTION_MAX,
    reset: () => outer.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      outer.close();
      outer.closeAllConnections();
      await Promise.allSettled([...under, alone]);
      inner.close();
      inner.closeAllConnections();
      await once(inner, "close");
    },
  };
  return server;
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
}

function readOperation(item: Json): Operation {
  const [[kind, asked] = ["", {}]] = Object.entries(item as Readonly<Record<string, Json>>);
  const { TableName, Item, Key } = asked as { readonly TableName: string; readonly Item?: Json; readonly Key?: Json };
  const key = Key ?? { pk: Item?.["pk"], sk: Item?.["sk"] };
  const isCheck = kind === "ConditionCheck";
  // An update of nothing looks at its condition, and may leave an item behind that holds its key alone.
  const action = isCheck ? "UpdateItem" : kind === "Put" ? "PutItem" : "DeleteItem";
  return { action, input: asked, table: TableName, key, isCheck };
}

function sizeOf(operations: readonly Operation[]): number {
  const items = operations.map(({ input, key }) =>
    Object.values((input["Item"] ?? key) as Readonly<Record<string, { S?: string }>>),
  );
  return items.flat().reduce((sum, { S = "" }) => sum + Buffer.byteLength(S), 0);
}

function reasonOf({ __type }: Json): string {
  const type = String(__type).split("#")[1] ?? "";
  return type === "ConditionalCheckFailedException" ? "ConditionalCheckFailed" : "ValidationError";
}

function refused(type: string, message: string): Answer {
  return { status: 400, body: { __type: TYPE + type, message } };
}

function canceled(reasons: readonly Reason[]): Answer {
  const codes = reasons.map(({ Code }) => Code).join(", ");
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return {
    status: 400,
    body: { __type: `${TYPE}TransactionCanceledException`, Message: message, CancellationReasons: reasons },
  };
}
