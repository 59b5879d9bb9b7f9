import { ValueType, type Attributes, type Histogram, type Meter, type UpDownCounter } from "@opentelemetry/api";
import { METRICS, type MetricDefinition, type MetricName } from "./catalogue.ts";
import type { Vocabulary } from "./options.ts";
import { spellings } from "./semconv.ts";

/** A histogram or counter in as many spellings as the vocabulary asks for. */
export interface Recorder {
  record(value: number, attributes: Attributes): void;
}

export type Instruments = ReturnType<typeof createInstruments>;

/** The synchronous instruments. `vocabulary` decides under which names the GenAI ones are recorded. */
export function createInstruments(meter: Meter, vocabulary: Vocabulary) {
  // Several `latest` metrics share one 1.41 name: one instrument for all of them.
  const histograms = new Map<string, Histogram>();

  function histogramOf(name: string): Histogram {
    let made = histograms.get(name);
    if (!made) histograms.set(name, (made = meter.createHistogram(name, optionsOf(name))));
    return made;
  }

  function histogram(metric: MetricName): Recorder {
    const recorders = spellings(metric, vocabulary).map((spelling): Recorder => {
      const instrument = histogramOf(spelling.name);
      const extra = spelling.attributes;
      if (!extra) return instrument;
      // 1.41's token.usage knows no error.type.
      return { record: (value, { "error.type": _error, ...attributes }) => instrument.record(value, { ...attributes, ...extra }) };
    });
    return together(recorders);
  }

  function counter(metric: MetricName): Recorder {
    return together(
      spellings(metric, vocabulary).map((spelling): Recorder => {
        const instrument = meter.createCounter(spelling.name, optionsOf(spelling.name));
        return { record: (value, attributes) => instrument.add(value, attributes) };
      }),
    );
  }

  function upDown(metric: MetricName): UpDownCounter {
    return meter.createUpDownCounter(metric, optionsOf(metric));
  }

  return {
    inferenceDuration: histogram("gen_ai.client.inference.duration"),
    embeddingsDuration: histogram("gen_ai.client.embeddings.duration"),
    operationDuration: histogram("gen_ai.client.operation.duration"),
    timeToFirstChunk: histogram("gen_ai.client.inference.time_to_first_chunk"),
    timePerOutputChunk: histogram("gen_ai.client.inference.time_per_output_chunk"),
    inputTokens: counter("gen_ai.client.inference.usage.input_tokens"),
    outputTokens: counter("gen_ai.client.inference.usage.output_tokens"),
    cacheReadTokens: counter("gen_ai.client.inference.usage.cache_read.input_tokens"),
    reasoningTokens: counter("gen_ai.client.inference.usage.reasoning.output_tokens"),
    operationInputTokens: histogram("gen_ai.client.inference.operation.input_tokens"),
    operationOutputTokens: histogram("gen_ai.client.inference.operation.output_tokens"),
    serverRequestDuration: histogram("gen_ai.server.request.duration"),
    serverTimeToFirstToken: histogram("gen_ai.server.time_to_first_token"),
    serverTimePerOutputToken: histogram("gen_ai.server.time_per_output_token"),
    promptDuration: histogram("llamacpp.prompt.duration"),
    promptThroughput: histogram("llamacpp.prompt.throughput"),
    generationThroughput: histogram("llamacpp.generation.throughput"),
    draftTokens: counter("llamacpp.draft.tokens"),
    contextUtilization: histogram("llamacpp.context.utilization"),
    httpServerDuration: histogram("http.server.request.duration"),
    activeRequests: upDown("http.server.active_requests"),
    fixes: counter("llama_proxy.fixes"),
    fixDuration: histogram("llama_proxy.fix.duration"),
    overhead: histogram("llama_proxy.overhead.duration"),
    activeStreams: upDown("llama_proxy.stream.active"),
    streams: counter("llama_proxy.streams"),
    recorderWriteDuration: histogram("llama_proxy.recorder.write.duration"),
  };
}

/** Unit, description, value type and boundaries of a metric, for the SDK. */
export function optionsOf(name: string) {
  const definition = (METRICS as Readonly<Record<string, MetricDefinition>>)[name];
  if (!definition) throw new Error(`metric without a definition: ${name}`);
  return {
    unit: definition.unit,
    description: definition.description,
    // Without it the SDK sends whole numbers as doubles.
    valueType: definition.type === "int" ? ValueType.INT : ValueType.DOUBLE,
    ...(definition.boundaries ? { advice: { explicitBucketBoundaries: [...definition.boundaries] } } : {}),
  };
}

function together(recorders: readonly Recorder[]): Recorder {
  const [first] = recorders;
  if (recorders.length === 1 && first) return first;
  return {
    record(value, attributes) {
      for (const recorder of recorders) recorder.record(value, attributes);
    },
  };
}
