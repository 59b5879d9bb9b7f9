import { createParser } from "eventsource-parser";

/** One server-sent event: its exact bytes, and what they say. */
export interface Frame {
  /** The bytes as they came, blank line included. */
  readonly raw: Uint8Array;
  /** The `event:` field, where there is one. */
  readonly event: string | undefined;
  /** The `data:` lines joined by LF; undefined for a frame that holds only comments or nothing. */
  readonly data: string | undefined;
}

const encoder = new TextEncoder();

export interface FrameReader {
  /** Reads a frame that `createFramer` cut. Bytes that are not UTF-8 read as U+FFFD; `raw` keeps them. */
  read(raw: Uint8Array): Frame;
}

/** One reader per stream: the parser behind it is reused from frame to frame. */
export function createFrameReader(): FrameReader {
  // ignoreBOM keeps a byte order mark as a character; the event-stream parser drops the first one itself.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let event: string | undefined;
  let data: string | undefined;
  let parser: ReturnType<typeof createParser> | undefined;
  function startParser(): ReturnType<typeof createParser> {
    return createParser({
      onEvent(message) {
        event = message.event;
        // Two messages cannot come out of one frame; a frame cut short gives none.
        data = message.data;
      },
    });
  }
  return {
    read(raw) {
      const text = decoder.decode(raw);
      // llama-server's most common frame: one line, `data: …`. Read without the parser.
      if (text.startsWith("data: ") && text.endsWith("\n\n") && text.indexOf("\n") === text.length - 2 && !text.includes("\r")) {
        return { raw, event: undefined, data: text.slice(6, -2) };
      }
      event = undefined;
      data = undefined;
      // Made at first need: many streams have no other frames.
      parser ??= startParser();
      parser.feed(text);
      parser.reset({ consume: false });
      return { raw, event, data };
    },
  };
}

/** A frame of our own making, in the form llama-server writes: `event:` line when named, one `data:` line, blank line. */
export function makeFrame(data: string, event?: string): Frame {
  const named = event === undefined ? "" : `event: ${event}\n`;
  const lines = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
  return { raw: encoder.encode(`${named}data: ${lines}\n\n`), event, data };
}
