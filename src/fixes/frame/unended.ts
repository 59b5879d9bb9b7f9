import { createFrameReader, type Frame } from "../../wire/frame.ts";
import { parseOrUndefined } from "../../wire/json.ts";

const encoder = new TextEncoder();

/** The same frame with the blank line that the end of the body cut off; undefined when what is there is no whole message. */
export function unendedData(frame: Frame): Frame | undefined {
  const text = new TextDecoder().decode(frame.raw).replace(/[\r\n]+$/u, "");
  const ended = createFrameReader().read(encoder.encode(`${text}\n\n`));
  if (ended.data === undefined) return undefined;
  return ended.data === "[DONE]" || parseOrUndefined(ended.data) !== undefined ? ended : undefined;
}

/** Whether the bytes hold anything but a comment or line ends. */
export function saysSomething(frame: Frame): boolean {
  const text = new TextDecoder().decode(frame.raw);
  return text.split(/[\r\n]+/u).some((line) => line !== "" && !line.startsWith(":"));
}
