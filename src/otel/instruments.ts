import { ValueType, type Meter } from "@opentelemetry/api";
import { AttributeSet } from "./attribute-set.ts";
import { METRICS, type MetricDefinition, type MetricName } from "./catalogue.ts";
import type { Vocabulary } from "./options.ts";
import { spellings, type Spelling } from "./semconv.ts";

/** One series: a metric with one set of attributes. */
export interface Series {
  record(value: number): void;
}

/** A histogram, counter or up-down counter, in as many spellings as the vocabulary asks for. */
export interface Recorder {
  record(value: number, attributes: AttributeSet): void;
  /** For who records into one series often. */
  series(attributes: AttributeSet): Series;
}

/** Makes the instrument of a metric, once per name. */
export type MakeRecorder = (name: string, definition: MetricDefinition) => Recorder;

export type Instruments = ReturnType<typeof createInstruments>;

/** What exchanges record into. `vocabulary` decides under which names the GenAI metrics are recorded. */
export function createInstruments(make: MakeRecorder, vocabulary: Vocabulary) {
  // Several `latest` metrics share one 1.41 name: one instrument for all of them.
  const made = new Map<string, Recorder>();

  function recorderOf({ name, attributes }: Spelling): Recorder {
    let recorder = made.get(name);
    if (!recorder) made.set(name, (recorder = make(name, definitionOf(name))));
    return attributes ? asReleased(recorder, attributes) : recorder;
  }

  function recorder(metric: MetricName): Recorder {
    return together(spellings(metric, vocabulary).map(recorderOf));
  }

  return {
    /** The empty set; every exchange's attributes come from it. */
    attributes: new AttributeSet(),
    inferenceDuration: recorder("gen_ai.client.inference.duration"),
    embeddingsDuration: recorder("gen_ai.client.embeddings.duration"),
    operationDuration: recorder("gen_ai.client.operation.duration"),
    timeToFirstChunk: recorder("gen_ai.client.inference.time_to_first_chunk"),
    timePerOutputChunk: recorder("gen_ai.client.inference.time_per_output_chunk"),
    inputTokens: recorder("gen_ai.client.inference.usage.input_tokens"),
    outputTokens: recorder("gen_ai.client.inference.usage.output_tokens"),
    cacheReadTokens: recorder("gen_ai.client.inference.usage.cache_read.input_tokens"),
    reasoningTokens: recorder("gen_ai.client.inference.usage.reasoning.output_tokens"),
    operationInputTokens: recorder("gen_ai.client.inference.operation.input_tokens"),
    operationOutputTokens: recorder("gen_ai.client.inference.operation.output_tokens"),
    serverRequestDuration: recorder("gen_ai.server.request.duration"),
    serverTimeToFirstToken: recorder("gen_ai.server.time_to_first_token"),
    serverTimePerOutputToken: recorder("gen_ai.server.time_per_output_token"),
    promptDuration: recorder("llamacpp.prompt.duration"),
    promptThroughput: recorder("llamacpp.prompt.throughput"),
    generationThroughput: recorder("llamacpp.generation.throughput"),
    draftTokens: recorder("llamacpp.draft.tokens"),
    contextUtilization: recorder("llamacpp.context.utilization"),
    httpServerDuration: recorder("http.server.request.duration"),
    activeRequests: recorder("http.server.active_requests"),
    fixes: recorder("llama_proxy.fixes"),
    fixDuration: recorder("llama_proxy.fix.duration"),
    overhead: recorder("llama_proxy.overhead.duration"),
    activeStreams: recorder("llama_proxy.stream.active"),
    streams: recorder("llama_proxy.streams"),
  };
}

/** Through the SDK, for readers whose temporality or aggregation our own metrics do not follow. */
export function sdkRecorder(meter: Meter): MakeRecorder {
  return (name, { instrument }) => {
    const options = optionsOf(name);
    if (instrument === "histogram") {
      const histogram = meter.createHistogram(name, options);
      return recorderInto((value, { attributes }) => histogram.record(value, attributes));
    }
    const counter = instrument === "counter" ? meter.createCounter(name, options) : meter.createUpDownCounter(name, options);
    return recorderInto((value, { attributes }) => counter.add(value, attributes));
  };
}

/** Unit, description, value type and boundaries of a metric, for the SDK. */
export function optionsOf(name: string) {
  const definition = definitionOf(name);
  return {
    unit: definition.unit,
    description: definition.description,
    // Without it the SDK sends whole numbers as doubles.
    valueType: definition.type === "int" ? ValueType.INT : ValueType.DOUBLE,
    ...(definition.boundaries ? { advice: { explicitBucketBoundaries: [...definition.boundaries] } } : {}),
  };
}

/** Throws for a name that is not in the catalogue. */
export function definitionOf(name: string): MetricDefinition {
  const definition = (METRICS as Readonly<Record<string, MetricDefinition>>)[name];
  if (!definition) throw new Error(`metric without a definition: ${name}`);
  return definition;
}

/** 1.41's token.usage tells input from output by an attribute, and knows no error.type. */
function asReleased(recorder: Recorder, { "gen_ai.token.type": type }: Readonly<Record<string, string>>): Recorder {
  const spelled = (set: AttributeSet) => set.without("error.type").with("gen_ai.token.type", type);
  return { record: (value, set) => recorder.record(value, spelled(set)), series: (set) => recorder.series(spelled(set)) };
}

function together(recorders: readonly Recorder[]): Recorder {
  const [first] = recorders;
  if (recorders.length === 1 && first) return first;
  return recorderInto((value, set) => {
    for (const recorder of recorders) recorder.record(value, set);
  });
}

function recorderInto(record: Recorder["record"]): Recorder {
  return { record, series: (set) => ({ record: (value) => record(value, set) }) };
}
