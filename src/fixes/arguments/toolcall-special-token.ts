import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";

/** Off until a person turns it on: the arguments are valid, and a text may well end in such a token. */
export const toolcallSpecialToken = defineArgumentFix({
  name: "toolcall_special_token",
  summary: "A chat token (<|im_end|>) at the very end of a value is cut; edits valid arguments, so off by default",
  defaultMode: "off",
  holds: "a marker prefix",
  example: { before: '{"body":"See you<|im_end|>"}', after: '{"body":"See you"}' },
  source: "open-weight models behind local servers",
  options: z.strictObject({}),
  rule: () => ({ mark }),
});

const TOKEN = /^(?:<\|[\w.-]{1,40}\|>)+/;
const BEGUN = /^(?:<\|[\w.-]{1,40}\|>)*(?:<(?:\|(?:[\w.-]{0,40}\|?)?)?)?$/;

const mark: Hook = ({ text, ended }) => {
  const head = text.slice(0, 512);
  const token = TOKEN.exec(head)?.[0];
  if (token !== undefined && head[token.length] === '"') return { take: token.length, put: "" };
  return BEGUN.test(head) && head.length < 512 && !ended ? "wait" : undefined;
};
