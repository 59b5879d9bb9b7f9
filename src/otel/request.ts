import type { Attributes } from "@opentelemetry/api";
import type { RequestView } from "../core/delta.ts";
import { asArray, asNumber, asString, isObject, type JsonObject } from "../wire/json.ts";
import { Facts } from "./facts.ts";
import { GEN_AI, LLAMACPP } from "./semconv.ts";

/** What an inference request asks for, in any dialect. Only what was sent; nothing is defaulted. */
export function inferenceRequest(view: RequestView): Attributes {
  const body = isObject(view.body) ? view.body : {};
  const choices = whole(body["n"]);
  return new Facts()
    .add(GEN_AI.stream, view.stream ? true : undefined)
    .add(
      GEN_AI.maxTokens,
      whole(body["max_tokens"]) ?? whole(body["max_completion_tokens"]) ?? whole(body["max_output_tokens"]) ?? whole(body["n_predict"]),
    )
    .add(GEN_AI.temperature, asNumber(body["temperature"]))
    .add(GEN_AI.topP, asNumber(body["top_p"]))
    .add(GEN_AI.topK, whole(body["top_k"]))
    .add(GEN_AI.frequencyPenalty, asNumber(body["frequency_penalty"]))
    .add(GEN_AI.presencePenalty, asNumber(body["presence_penalty"]))
    .add(GEN_AI.seed, whole(body["seed"]))
    .add(GEN_AI.stopSequences, stops(body["stop"] ?? body["stop_sequences"]))
    .add(GEN_AI.choiceCount, choices === 1 ? undefined : choices)
    .add(GEN_AI.reasoningLevel, asString(body["reasoning_effort"]) ?? asString(member(body["reasoning"], "effort")))
    .add(GEN_AI.previousResponse, asString(body["previous_response_id"]))
    .add(GEN_AI.outputType, wantsJson(body) ? "json" : undefined)
    .add(LLAMACPP.minP, asNumber(body["min_p"]))
    .add(LLAMACPP.repeatPenalty, asNumber(body["repeat_penalty"]))
    .add(LLAMACPP.grammar, given(body["grammar"]) || given(body["json_schema"]) || schemaFormat(body) ? true : undefined)
    .add(LLAMACPP.cachePrompt, typeof body["cache_prompt"] === "boolean" ? body["cache_prompt"] : undefined).attributes;
}

/** The short list of embeddings and rerank. */
export function embeddingsRequest(view: RequestView): Attributes {
  const body = isObject(view.body) ? view.body : {};
  const format = asString(body["encoding_format"]);
  return new Facts()
    .add(GEN_AI.encodingFormats, format === undefined ? undefined : [format])
    .add(GEN_AI.dimensions, whole(body["dimensions"])).attributes;
}

/** True when the request holds text only, false when it holds media or could not be understood. */
export function isTextOnly(view: RequestView | undefined): boolean {
  const body = view?.body;
  if (!isObject(body)) return false;
  const prompt = body["prompt"];
  if (isObject(prompt) && given(prompt["multimodal_data"])) return false;
  const messages = [...asArray(body["messages"]), ...asArray(body["input"])];
  return !messages.some((message) => holdsMedia(member(message, "content")) || holdsMedia(member(message, "output")));
}

const MEDIA = new Set([
  "image",
  "image_url",
  "input_image",
  "input_audio",
  "audio",
  "input_video",
  "video_url",
  "input_file",
  "file",
  "document",
]);

function holdsMedia(content: unknown): boolean {
  return asArray(content).some((part) => {
    const type = asString(member(part, "type"));
    // A tool's result (Messages) holds parts of its own.
    return (type !== undefined && MEDIA.has(type)) || holdsMedia(member(part, "content"));
  });
}

function wantsJson(body: JsonObject): boolean {
  const type = asString(member(body["response_format"], "type")) ?? asString(member(member(body["text"], "format"), "type"));
  return type === "json_object" || type === "json_schema" || given(body["json_schema"]) || given(body["grammar"]);
}

function schemaFormat(body: JsonObject): boolean {
  const type = asString(member(body["response_format"], "type")) ?? asString(member(member(body["text"], "format"), "type"));
  return type === "json_schema" || given(member(body["response_format"], "schema"));
}

function stops(value: unknown): string[] | undefined {
  if (typeof value === "string") return [value];
  const list = asArray(value).filter((entry) => typeof entry === "string");
  return list.length === 0 ? undefined : list;
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && !(isObject(value) && Object.keys(value).length === 0);
}

function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** A whole number, as the contract's int attributes want it. */
function whole(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
