/** Reads one HTTP/1.1 reply off a socket: enough of the protocol for the benchmark's client, and no more. */
export interface ReplyReader {
  push(chunk: Buffer): void;
  /** The socket ended: true where that is how this body ends. */
  close(): boolean;
  readonly done: boolean;
  readonly status: number;
  /** The other side will close the connection, or has. */
  readonly closes: boolean;
  /** Bytes of the body, without its chunk framing. */
  readonly bytes: number;
  /** The last bytes of the body, as text. */
  readonly tail: string;
}

const EMPTY: Buffer = Buffer.alloc(0);

export function createReplyReader(onBody: (bytes: Buffer) => void): ReplyReader {
  let state: "head" | "size" | "data" | "trailer" | "length" | "until-close" | "done" = "head";
  let kept = EMPTY;
  let left = 0;
  let bytes = 0;
  let tail = EMPTY;
  let status = 0;
  let closes = false;

  function body(part: Buffer): void {
    if (part.length === 0) return;
    bytes += part.length;
    tail = part.length >= 64 ? part.subarray(-64) : Buffer.concat([tail.subarray(-64), part]);
    onBody(part);
  }

  /** A line without its end, or undefined until it is all there. */
  function line(): string | undefined {
    const end = kept.indexOf("\r\n");
    if (end < 0) return undefined;
    const text = kept.toString("latin1", 0, end);
    kept = kept.subarray(end + 2);
    return text;
  }

  function readHead(): boolean {
    const end = kept.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = kept.toString("latin1", 0, end);
    kept = kept.subarray(end + 4);
    status = Number(head.slice(9, 12));
    if (status < 200) return true;
    closes = /^connection:.*close/im.test(head);
    const length = /^content-length:\s*(\d+)/im.exec(head);
    if (/^transfer-encoding:.*chunked/im.test(head)) state = "size";
    else if (length) {
      left = Number(length[1]);
      state = left === 0 ? "done" : "length";
    } else {
      state = "until-close";
      closes = true;
    }
    return true;
  }

  /** One step; false when more bytes are needed. */
  function step(): boolean {
    switch (state) {
      case "head":
        return readHead();
      case "size": {
        const text = line();
        if (text === undefined) return false;
        left = Number.parseInt(text, 16);
        state = left === 0 ? "trailer" : "data";
        // The chunk's own line end goes with it.
        return true;
      }
      case "data": {
        if (kept.length === 0) return false;
        const part = kept.subarray(0, left);
        body(part);
        left -= part.length;
        kept = kept.subarray(part.length);
        if (left > 0) return false;
        state = "size";
        left = -1;
        return skipLineEnd();
      }
      case "trailer": {
        const text = line();
        if (text === undefined) return false;
        if (text === "") state = "done";
        return true;
      }
      case "length": {
        const part = kept.subarray(0, left);
        body(part);
        left -= part.length;
        kept = kept.subarray(part.length);
        if (left === 0) state = "done";
        return false;
      }
      case "until-close":
        body(kept);
        kept = EMPTY;
        return false;
      default:
        return false;
    }
  }

  let owed = 0;
  /** The CR LF behind a chunk; what has not come yet is taken off the next read. */
  function skipLineEnd(): boolean {
    owed = 2;
    return payOwed();
  }
  function payOwed(): boolean {
    const take = Math.min(owed, kept.length);
    kept = kept.subarray(take);
    owed -= take;
    return owed === 0;
  }

  return {
    push(chunk) {
      kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      if (owed > 0 && !payOwed()) return;
      while (step());
    },
    close() {
      if (state === "until-close") state = "done";
      return state === "done";
    },
    get done() {
      return state === "done";
    },
    get status() {
      return status;
    },
    get closes() {
      return closes;
    },
    get bytes() {
      return bytes;
    },
    get tail() {
      return tail.toString("latin1");
    },
  };
}
