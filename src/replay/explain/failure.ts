/** Why an exchange failed, by its ending and by what llama-server said. */
import type { Recording } from "../../core/recording.ts";
import { asString, isObject, parseOrUndefined } from "../../wire/json.ts";
import type { Finding } from "./finding.ts";

export interface Failure extends Finding {
  readonly outcome: string;
  readonly status: number | undefined;
  /** The backend's own words, where there are any. */
  readonly message: string | undefined;
}

/** Undefined: it did not fail. */
export function explainFailure(recording: Recording): Failure | undefined {
  const { outcome, metrics, reason } = recording;
  const status = metrics.status;
  const message = errorIn(recording) ?? reason;
  const finding = isFine(recording) ? byFinish(recording) : (byOutcome(recording, message) ?? byMessage(status, message));
  return finding && { ...finding, outcome, status, message };
}

/** What llama-server says, and what helps. First match counts. */
const SAYINGS: readonly { readonly code: string; readonly says: RegExp; readonly text: string; readonly cure: string }[] = [
  {
    code: "poisoned-history",
    says: /parse tool call arguments as JSON/i,
    text: "the history holds a tool call whose arguments are not JSON; llama-server answers every further turn of this conversation so",
    cure: "switch the fix poisoned_history on (llama-proxy list-fixes), or start a new conversation",
  },
  {
    code: "context-exceeded",
    says: /exceed(s|ed)?_?\s?(the )?(available )?context|context size|n_ctx/i,
    text: "the prompt is longer than the context of a slot",
    cure: "raise llama-server's -c (with --parallel N each slot has c/N), or let the client compact its history",
  },
  {
    code: "grammar-crash",
    says: /Unexpected empty grammar stack/i,
    text: "the model wrote a tool call in a form that llama-server's grammar does not allow",
    cure: "send it again; a newer llama-server, or a template that fits the model, avoids it",
  },
  {
    code: "tool-schema",
    says: /parse grammar|initialize samplers|json schema|unrecognized schema|pattern must/i,
    text: "llama-server could not turn a tool's JSON schema into a grammar",
    cure: "switch the fix tool_schema on, or simplify the schema of the tools that were offered",
  },
  {
    code: "model-output",
    says: /does not match the expected/i,
    text: "the model's output is not in the format its template promises",
    cure: "check that --jinja and the chat template fit the model; send it again",
  },
  {
    code: "no-such-model",
    says: /model .*not found|model name is missing/i,
    text: "the router knows no such model",
    cure: "llama-proxy test-backend lists the models there are",
  },
];

function byMessage(status: number | undefined, message: string | undefined): Finding | undefined {
  const said = message === undefined ? undefined : SAYINGS.find(({ says }) => says.test(message));
  if (said) return { code: said.code, text: said.text, cure: said.cure };
  switch (status) {
    case 401:
    case 403:
      return {
        code: "key",
        text: "llama-server wants another key",
        cure: "name the environment variable that holds it: backend.api_key_env",
      };
    case 404:
      return {
        code: "no-such-route",
        text: "llama-server has no such route",
        cure: "check the client's base URL: routes begin with /v1 or with llama-server's --api-prefix",
      };
    case 501:
      return {
        code: "switched-off",
        text: "this llama-server was started without what the route needs",
        cure: "start it with the flag that its message names",
      };
    case 503:
      return { code: "loading", text: "llama-server was still loading its model", cure: "wait; /_llama-proxy/ready tells when it answers" };
    default:
      break;
  }
  if (status !== undefined && status >= 500)
    return {
      code: "backend-error",
      text: "llama-server failed",
      cure: "its log says more; llama-proxy replay --live sends the request again",
    };
  if (status !== undefined && status >= 400)
    return {
      code: "bad-request",
      text: "llama-server does not accept the request",
      cure: "its message names the field; llama-proxy show ID --request prints what was sent",
    };
  return message === undefined
    ? undefined
    : { code: "stream-error", text: "the reply ended in an error", cure: "its message and llama-server's log say more" };
}

function isFine({ outcome, errorType, metrics, details }: Recording): boolean {
  return outcome === "completed" && errorType === undefined && (metrics.status ?? 0) < 400 && details["error"] === undefined;
}

function byOutcome(recording: Recording, message: string | undefined): Finding | undefined {
  const frames = recording.response?.pieces.length ?? 0;
  switch (recording.outcome) {
    case "upstream-refused":
      return {
        code: "backend-down",
        text: `llama-server gave no answer${message === undefined ? "" : ` (${message})`}`,
        cure: "start it, or point the proxy at it with --backend; llama-proxy test-backend checks it",
      };
    case "upstream-timeout":
      return {
        code: "backend-silent",
        text: "llama-server was silent longer than backend.timeout_seconds",
        cure: "raise backend.timeout_seconds if it was still at work; a queue or a long prompt is silent too",
      };
    case "upstream-broke":
      return {
        code: "backend-died",
        text: `llama-server broke off after ${frames} frames`,
        cure: "it crashed or was stopped: its log and the system's (out of memory?) say why",
      };
    case "client-gone":
      return {
        code: "client-gone",
        text:
          frames === 0
            ? `the client left after ${seconds(recording)} without having got a byte`
            : `the client left after ${seconds(recording)}, ${frames} frames in`,
        cure:
          frames === 0
            ? "its patience ended before the first byte: raise its timeout, or shorten queue and prompt"
            : "somebody stopped it, or it had what it wanted: nothing to mend here",
      };
    case "shutdown":
      return {
        code: "shutdown",
        text: "llama-proxy was stopped before the reply was over",
        cure: "raise server.drain_seconds so that replies in flight are finished",
      };
    case "interrupted":
      return {
        code: "interrupted",
        text: "llama-proxy died during this exchange",
        cure: "its own output and the system's log say why; what had come is kept",
      };
    case "internal":
      return {
        code: "internal",
        text: `a fault of llama-proxy itself${message === undefined ? "" : ` (${message})`}`,
        cure: "please report it, with llama-proxy export --format portable of this exchange",
      };
    default:
      return undefined;
  }
}

/** A reply that came whole and yet is half a one. */
function byFinish(recording: Recording): Finding | undefined {
  const { finishReason, contextPercent } = recording.metrics;
  if (finishReason !== "length" && finishReason !== "max_tokens") return undefined;
  const full = contextPercent !== undefined && contextPercent >= 98;
  return full
    ? {
        code: "context-full",
        text: "the reply was cut because the context was full",
        cure: "raise llama-server's -c, or let the client compact its history",
      }
    : {
        code: "token-limit",
        text: "the reply was cut by the token limit of the request; a tool call in it is unfinished",
        cure: "raise max_tokens",
      };
}

function seconds(recording: Recording): string {
  return `${(recording.metrics.durationMs / 1000).toFixed(1)} s`;
}

/** The backend's message: recorded with the end, or else in the body of an error reply. */
function errorIn({ details, response }: Recording): string | undefined {
  const error = details["error"];
  if (isObject(error)) return asString(error["message"]);
  if (!response || response.status < 400) return undefined;
  const body = parseOrUndefined(Buffer.concat(response.pieces.map((piece) => piece.upstream)).toString());
  const inner = isObject(body) && isObject(body["error"]) ? body["error"] : undefined;
  return inner && asString(inner["message"]);
}
