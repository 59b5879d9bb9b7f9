/**
 * Every metric this program emits, in both vocabularies: instrument, unit, value type, boundaries.
 * test/otel/contract.test.ts holds it against docs/telemetry-contract.json.
 */
export interface MetricDefinition {
  readonly instrument: "histogram" | "counter" | "updowncounter" | "gauge";
  readonly unit: string;
  readonly type: "int" | "double";
  readonly description: string;
  /** Of histograms. A superset of the registry's advice, so that quantiles stay comparable. */
  readonly boundaries?: readonly number[];
}

const OPERATION_S = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36];
const CHUNK_S = [0.001, 0.0025, 0.005, ...OPERATION_S];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const FIRST_TOKEN_S = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120];
const PER_TOKEN_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const HTTP_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600];

export const METRICS = {
  "gen_ai.client.inference.duration": seconds("Duration of the logical call, retries included.", OPERATION_S),
  "gen_ai.client.embeddings.duration": seconds("Duration of an embeddings call.", OPERATION_S),
  "gen_ai.client.operation.duration": seconds("GenAI operation duration.", OPERATION_S),
  "gen_ai.client.inference.time_to_first_chunk": seconds("Request sent to first frame with data.", OPERATION_S),
  "gen_ai.client.operation.time_to_first_chunk": seconds("Request sent to first frame with data.", OPERATION_S),
  "gen_ai.client.inference.time_per_output_chunk": seconds("Time between two frames with data.", CHUNK_S),
  "gen_ai.client.operation.time_per_output_chunk": seconds("Time between two frames with data.", CHUNK_S),
  "gen_ai.client.inference.usage.input_tokens": counter("{token}", "Prompt tokens, cached ones included."),
  "gen_ai.client.inference.usage.output_tokens": counter("{token}", "Generated tokens."),
  "gen_ai.client.inference.usage.cache_read.input_tokens": counter("{token}", "Prompt tokens taken from the cache."),
  "gen_ai.client.inference.usage.reasoning.output_tokens": counter("{token}", "Generated tokens spent on reasoning."),
  "gen_ai.client.inference.operation.input_tokens": tokens("Prompt tokens of one call."),
  "gen_ai.client.inference.operation.output_tokens": tokens("Generated tokens of one call."),
  "gen_ai.client.token.usage": tokens("Tokens of one call, by gen_ai.token.type."),
  "gen_ai.server.request.duration": seconds("llama-server's time: request sent to last byte.", OPERATION_S),
  "gen_ai.server.time_to_first_token": seconds("Queue and prefill.", FIRST_TOKEN_S),
  "gen_ai.server.time_per_output_token": seconds("Per token behind the first.", PER_TOKEN_S),
  "llamacpp.prompt.duration": seconds("Prefill of the uncached part of the prompt.", OPERATION_S),
  "llamacpp.prompt.throughput": histogram(
    "{token}/s",
    "double",
    "Prefill speed.",
    [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000],
  ),
  "llamacpp.generation.throughput": histogram(
    "{token}/s",
    "double",
    "Generation speed behind the first token.",
    [1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500],
  ),
  "llamacpp.draft.tokens": counter("{token}", "Drafted tokens of speculative decoding, by llamacpp.draft.outcome."),
  "llamacpp.context.utilization": histogram(
    "1",
    "double",
    "Share of the slot's context in use at the end of a call.",
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1],
  ),
  "llamacpp.slot.usage": upDown("{slot}", "Slots, by state."),
  "llamacpp.slot.limit": upDown("{slot}", "Slots of the server."),
  "llamacpp.server.status": upDown("1", "1 for the present state of /health, 0 for the others."),
  "http.server.request.duration": seconds("Duration of inbound HTTP requests.", HTTP_S),
  "http.server.active_requests": upDown("{request}", "Inbound HTTP requests in flight."),
  "http.client.request.duration": seconds("Duration of outbound HTTP requests.", HTTP_S),
  "llama_proxy.fixes": counter("{fix}", "Changes that fixes made or gave up."),
  "llama_proxy.fix.duration": seconds("Time one fix spent on one reply.", [0.00001, 0.0001, 0.001, 0.01, 0.1, 1]),
  "llama_proxy.overhead.duration": seconds(
    "Time the sidecar itself added to a request.",
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25],
  ),
  "llama_proxy.stream.active": upDown("{stream}", "Open event streams."),
  "llama_proxy.streams": counter("{stream}", "Ended event streams."),
  "llama_proxy.recorder.records": counter("{record}", "Exchanges offered to the recorder, by outcome."),
  "llama_proxy.recorder.write.duration": seconds("Duration of one transaction.", [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]),
  "llama_proxy.recorder.queue.usage": upDown("{record}", "Records waiting."),
  "llama_proxy.recorder.queue.limit": upDown("{record}", "Records that may wait."),
  "llama_proxy.recorder.db.size": { instrument: "gauge", unit: "By", type: "int", description: "Size of the database." },
  "nodejs.eventloop.utilization": { instrument: "gauge", unit: "1", type: "double", description: "Event loop utilization." },
  "nodejs.eventloop.delay.p50": { instrument: "gauge", unit: "s", type: "double", description: "Event loop 50 percentile delay." },
  "nodejs.eventloop.delay.p99": { instrument: "gauge", unit: "s", type: "double", description: "Event loop 99 percentile delay." },
  "v8js.memory.heap.used": upDown("By", "Heap memory size allocated."),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

function histogram(unit: string, type: "int" | "double", description: string, boundaries: readonly number[]) {
  return { instrument: "histogram", unit, type, description, boundaries } as const;
}

function seconds(description: string, boundaries: readonly number[]) {
  return histogram("s", "double", description, boundaries);
}

function tokens(description: string) {
  return histogram("{token}", "int", description, TOKENS);
}

function counter(unit: string, description: string) {
  return { instrument: "counter", unit, type: "int", description } as const;
}

function upDown(unit: string, description: string) {
  return { instrument: "updowncounter", unit, type: "int", description } as const;
}
