import type { Fix } from "../fix.ts";
import { argumentsObject } from "./arguments-object.ts";
import { cutStream } from "./cut-stream.ts";
import { endMark } from "./end-mark.ts";
import { finishReason } from "./finish-reason.ts";
import { invalidUnicode } from "./invalid-unicode.ts";
import { messageShape } from "./message-shape.ts";
import { messagesBlocks } from "./messages-blocks.ts";
import { sseFraming } from "./sse-framing.ts";
import { toolId } from "./tool-id.ts";
import { toolIdentity } from "./tool-identity.ts";
import { toolIndex } from "./tool-index.ts";
import { usageMissing } from "./usage.ts";

/**
 * The frame fixes, in the order they run. Frames first become readable; arguments become text before
 * calls are told apart by them; a call has its index before its identity, and a name before it gets an
 * id; the finish is judged before the end mark that may hang on it.
 */
export const FRAME_FIXES: readonly Fix[] = [
  sseFraming,
  invalidUnicode,
  argumentsObject,
  toolIndex,
  toolIdentity,
  toolId,
  messageShape,
  messagesBlocks,
  usageMissing,
  finishReason,
  endMark,
  cutStream,
];
