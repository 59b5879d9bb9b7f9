/**
 * The names this program emits: the one place to follow the GenAI conventions. npm's
 * semantic-conventions package holds only the GenAI names of 1.41, all deprecated as moved, so
 * these are our own constants; the stable names (http, url, server, error) come from that package.
 * What each name means and when it is set: docs/telemetry.md; checked against docs/telemetry-contract.json.
 */
import type { Vocabulary } from "./options.ts";

export const SCOPE = "llama-proxy";

export const GEN_AI = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  stream: "gen_ai.request.stream",
  maxTokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  topP: "gen_ai.request.top_p",
  topK: "gen_ai.request.top_k",
  frequencyPenalty: "gen_ai.request.frequency_penalty",
  presencePenalty: "gen_ai.request.presence_penalty",
  seed: "gen_ai.request.seed",
  stopSequences: "gen_ai.request.stop_sequences",
  choiceCount: "gen_ai.request.choice.count",
  reasoningLevel: "gen_ai.request.reasoning.level",
  previousResponse: "gen_ai.request.previous_response.id",
  encodingFormats: "gen_ai.request.encoding_formats",
  dimensions: "gen_ai.embeddings.dimension.count",
  outputType: "gen_ai.output.type",
  conversation: "gen_ai.conversation.id",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  textInputTokens: "gen_ai.usage.text.input_tokens",
  textOutputTokens: "gen_ai.usage.text.output_tokens",
  tokenType: "gen_ai.token.type",
  tokenModality: "gen_ai.token.modality",
  systemInstructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolDefinitions: "gen_ai.tool.definitions",
} as const;

/** Facts about this program. */
export const LLAMA_PROXY = {
  requestId: "llama_proxy.request.id",
  apiType: "llama_proxy.api.type",
  recorded: "llama_proxy.recorded",
  replayOf: "llama_proxy.replay.of",
  fixName: "llama_proxy.fix.name",
  fixNames: "llama_proxy.fix.names",
  fixCount: "llama_proxy.fix.count",
  fixOutcome: "llama_proxy.fix.outcome",
  fixTarget: "llama_proxy.fix.target",
  chunkCount: "llama_proxy.stream.chunk_count",
  endReason: "llama_proxy.stream.end_reason",
  toolCallCount: "llama_proxy.response.tool_call_count",
  recorderOutcome: "llama_proxy.recorder.outcome",
} as const;

/** Facts that llama-server reported. */
export const LLAMACPP = {
  slotId: "llamacpp.slot.id",
  slotState: "llamacpp.slot.state",
  serverState: "llamacpp.server.state",
  buildInfo: "llamacpp.build.info",
  stopType: "llamacpp.stop_type",
  contextLimit: "llamacpp.context.limit",
  contextUtilization: "llamacpp.context.utilization",
  draftOutcome: "llamacpp.draft.outcome",
  cacheN: "llamacpp.timings.cache_n",
  promptN: "llamacpp.timings.prompt_n",
  promptMs: "llamacpp.timings.prompt_ms",
  predictedN: "llamacpp.timings.predicted_n",
  predictedMs: "llamacpp.timings.predicted_ms",
  draftN: "llamacpp.timings.draft_n",
  draftNAccepted: "llamacpp.timings.draft_n_accepted",
  minP: "llamacpp.request.min_p",
  repeatPenalty: "llamacpp.request.repeat_penalty",
  grammar: "llamacpp.request.grammar",
  cachePrompt: "llamacpp.request.cache_prompt",
} as const;

export const EVENTS = {
  details: "gen_ai.client.inference.operation.details",
  exception: "gen_ai.client.operation.exception",
  fixApplied: "llama_proxy.fix.applied",
} as const;

export type Operation = "chat" | "text_completion" | "embeddings" | "rerank";

/** `llama_proxy.api.type` (the dialect's name) to `gen_ai.operation.name`. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["openai.chat_completions", "chat"],
  ["openai.responses", "chat"],
  ["anthropic.messages", "chat"],
  ["openai.completions", "text_completion"],
  ["llamacpp.completion", "text_completion"],
  ["llamacpp.infill", "text_completion"],
  ["openai.embeddings", "embeddings"],
  ["llamacpp.embedding", "embeddings"],
  ["llamacpp.rerank", "rerank"],
]);

/** Operations whose span is `gen_ai.client.inference`; the others have the short list of `gen_ai.client.embeddings`. */
export function isInference(operation: Operation): boolean {
  return operation === "chat" || operation === "text_completion";
}

/** One metric as a vocabulary spells it: name, and attributes that the name carried in the other vocabulary. */
export interface Spelling {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Metrics that 1.41, the last released GenAI vocabulary, spells differently; null where it has none. */
export const RELEASED: Readonly<Record<string, Spelling | null>> = {
  "gen_ai.client.inference.duration": { name: "gen_ai.client.operation.duration" },
  "gen_ai.client.embeddings.duration": { name: "gen_ai.client.operation.duration" },
  "gen_ai.client.inference.time_to_first_chunk": { name: "gen_ai.client.operation.time_to_first_chunk" },
  "gen_ai.client.inference.time_per_output_chunk": { name: "gen_ai.client.operation.time_per_output_chunk" },
  "gen_ai.client.inference.usage.input_tokens": null,
  "gen_ai.client.inference.usage.output_tokens": null,
  "gen_ai.client.inference.usage.cache_read.input_tokens": null,
  "gen_ai.client.inference.usage.reasoning.output_tokens": null,
  "gen_ai.client.inference.operation.input_tokens": {
    name: "gen_ai.client.token.usage",
    attributes: { [GEN_AI.tokenType]: "input" },
  },
  "gen_ai.client.inference.operation.output_tokens": {
    name: "gen_ai.client.token.usage",
    attributes: { [GEN_AI.tokenType]: "output" },
  },
};

/** How `metric`, named as in `latest`, is spelled in the vocabulary; empty where it is not emitted. */
export function spellings(metric: string, vocabulary: Vocabulary): readonly Spelling[] {
  const latest: Spelling = { name: metric };
  const released = metric in RELEASED ? (RELEASED[metric] ?? undefined) : latest;
  if (vocabulary === "latest" || released === latest) return [latest];
  if (vocabulary === "1.41") return released ? [released] : [];
  return released ? [latest, released] : [latest];
}
