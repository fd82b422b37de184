import { ComponentErr, InputStream } from "../../linker/index.ts";
import { Fields } from "./fields.ts";

const refused = (): ComponentErr => new ComponentErr(undefined);

/** `incoming-response` of wasi:http; its body is there already. */
export class IncomingResponse {
  readonly status: number;
  readonly headers: Fields;
  readonly #body: Uint8Array;
  #isConsumed = false;

  constructor(response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: Uint8Array;
  }) {
    const { status, headers, body } = response;
    this.status = status;
    this.headers = new Fields(
      headers.map(([name, value]) => [name, Buffer.from(value, "latin1")]),
      false,
    );
    this.#body = body;
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw refused();
    this.#isConsumed = true;
    return new IncomingBody(this.#body);
  }
}

/** `incoming-body` of wasi:http. */
export class IncomingBody {
  readonly #bytes: Uint8Array;
  #isTaken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  stream(): InputStream {
    if (this.#isTaken) throw refused();
    this.#isTaken = true;
    return new InputStream(this.#bytes);
  }
}

/** `future-trailers` of wasi:http: there are none, at once. */
export class FutureTrailers {
  #isTaken = false;

  take(): unknown {
    if (this.#isTaken) return { tag: "err" };
    this.#isTaken = true;
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}
