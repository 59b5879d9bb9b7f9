import { MODEL_VARIABLE, type Dashboard } from "./dashboard.ts";
import { heatmap, quantile, quantiles, rate, stat, timeseries, TOKENS_PER_SECOND } from "./panels.ts";

const MODEL = '{gen_ai_request_model=~"$model"}';
const FAILED = '{gen_ai_request_model=~"$model", error_type!=""}';
const CALLS = "gen_ai_client_operation_duration_seconds";
const INPUT = "gen_ai_client_inference_usage_input_tokens_total";
const CACHED = "gen_ai_client_inference_usage_cache_read_input_tokens_total";

const CACHE_SHARE = `sum(${rate(CACHED, MODEL)}) / (sum(${rate(INPUT, MODEL)}) > 0)`;

export const OVERVIEW: Dashboard = {
  uid: "llama-proxy",
  title: "llama-proxy: requests",
  description: "What clients asked of llama-server, how fast and how well it answered, and what was mended.",
  variables: [MODEL_VARIABLE],
  rows: [
    {
      title: "Now",
      panels: [
        stat({
          title: "Calls per minute",
          description: "GenAI calls: chat, completions, messages, responses, embeddings.",
          unit: "none",
          decimals: 1,
          queries: [{ expr: `60 * sum(${rate(`${CALLS}_count`, MODEL)})`, legend: "calls" }],
        }),
        stat({
          title: "Calls that fail",
          description: "Share of calls that ended with an error, of whatever kind, clients that left included.",
          unit: "percentunit",
          decimals: 1,
          min: 0,
          limits: [0.02, 0.1],
          queries: [
            { expr: `(sum(${rate(`${CALLS}_count`, FAILED)}) or vector(0)) / sum(${rate(`${CALLS}_count`, MODEL)})`, legend: "failed" },
          ],
        }),
        stat({
          title: "Time to first token",
          description: "95 of 100 calls waited no longer: queue and prompt processing.",
          unit: "s",
          queries: [{ expr: quantile(0.95, "gen_ai_server_time_to_first_token_seconds", MODEL), legend: "95 %" }],
        }),
        stat({
          title: "Generation speed",
          description: "Median tokens per second of one call, behind its first token.",
          unit: TOKENS_PER_SECOND,
          decimals: 1,
          queries: [{ expr: quantile(0.5, "llamacpp_generation_throughput_per_second", MODEL), legend: "tokens/s" }],
        }),
        stat({
          title: "Prompt from cache",
          description:
            "Share of prompt tokens that llama-server did not have to process again. Needs otel.semconv: both (or latest): the released vocabulary has no such counter.",
          unit: "percentunit",
          decimals: 0,
          min: 0,
          max: 1,
          queries: [{ expr: CACHE_SHARE, legend: "cached" }],
        }),
        stat({
          title: "In flight",
          description: "Requests that are being answered or wait for a slot.",
          unit: "none",
          queries: [{ expr: "sum(http_server_active_requests)", legend: "requests" }],
        }),
      ],
    },
    {
      title: "Requests and errors",
      panels: [
        timeseries({
          title: "Requests by status",
          description: "Every request, passed-through routes included. Without a status: the client left before there was one.",
          unit: "reqps",
          stacked: true,
          min: 0,
          queries: [
            {
              expr: `sum by (http_response_status_code) (${rate("http_server_request_duration_seconds_count")})`,
              legend: "{{http_response_status_code}}",
            },
          ],
        }),
        timeseries({
          title: "Failed calls by kind",
          description: "error.type: llama-server's own kinds, connection errors (ECONNREFUSED, UND_ERR_SOCKET), client_closed.",
          unit: "reqps",
          stacked: true,
          min: 0,
          queries: [{ expr: `sum by (error_type) (${rate(`${CALLS}_count`, FAILED)})`, legend: "{{error_type}}" }],
        }),
        timeseries({
          title: "Duration of calls",
          description: "From the request's arrival to the last byte of the reply.",
          unit: "s",
          min: 0,
          queries: quantiles(CALLS, MODEL),
        }),
        timeseries({
          title: "Requests by route",
          description: "Routes as the sidecar knows them.",
          unit: "reqps",
          stacked: true,
          min: 0,
          queries: [{ expr: `sum by (http_route) (${rate("http_server_request_duration_seconds_count")})`, legend: "{{http_route}}" }],
        }),
      ],
    },
    {
      title: "Speed",
      panels: [
        timeseries({
          title: "Time to first token",
          description: "llama-server's: waiting for a slot and processing the prompt.",
          unit: "s",
          min: 0,
          queries: quantiles("gen_ai_server_time_to_first_token_seconds", MODEL),
        }),
        timeseries({
          title: "Time per output token",
          description: "llama-server's own timings, behind the first token.",
          unit: "s",
          min: 0,
          queries: quantiles("gen_ai_server_time_per_output_token_seconds", MODEL),
        }),
        timeseries({
          title: "Prompt tokens per second",
          description: "Speed of processing what was not in the cache. The low line: nine of ten calls were faster.",
          unit: TOKENS_PER_SECOND,
          min: 0,
          queries: [
            { expr: quantile(0.5, "llamacpp_prompt_throughput_per_second", MODEL), legend: "median" },
            { expr: quantile(0.1, "llamacpp_prompt_throughput_per_second", MODEL), legend: "slowest 10 %" },
          ],
        }),
        timeseries({
          title: "Generated tokens per second",
          description: "Speed of one call. It falls when slots share the machine and when contexts grow.",
          unit: TOKENS_PER_SECOND,
          min: 0,
          queries: [
            { expr: quantile(0.5, "llamacpp_generation_throughput_per_second", MODEL), legend: "median" },
            { expr: quantile(0.1, "llamacpp_generation_throughput_per_second", MODEL), legend: "slowest 10 %" },
          ],
        }),
        timeseries({
          title: "Time between frames",
          description: "What a reader of the stream sees: a high 99 % is a stream that stutters.",
          unit: "s",
          min: 0,
          queries: [
            { expr: quantile(0.5, "gen_ai_client_operation_time_per_output_chunk_seconds", MODEL), legend: "median" },
            { expr: quantile(0.99, "gen_ai_client_operation_time_per_output_chunk_seconds", MODEL), legend: "99 %" },
          ],
        }),
        timeseries({
          title: "Drafted tokens",
          description: "Speculative decoding: accepted drafts are speed, rejected ones are work for nothing. Empty without a draft model.",
          unit: TOKENS_PER_SECOND,
          stacked: true,
          min: 0,
          queries: [
            {
              expr: `sum by (llamacpp_draft_outcome) (${rate("llamacpp_draft_tokens_total", MODEL)})`,
              legend: "{{llamacpp_draft_outcome}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Tokens, cache and context",
      panels: [
        timeseries({
          title: "Tokens per second, all calls",
          description: "Prompt tokens (cached ones included) and generated ones, over all calls.",
          unit: TOKENS_PER_SECOND,
          min: 0,
          queries: [
            { expr: `sum by (gen_ai_token_type) (${rate("gen_ai_client_token_usage_sum", MODEL)})`, legend: "{{gen_ai_token_type}}" },
          ],
        }),
        timeseries({
          title: "Prompt tokens from cache",
          description:
            "Falls to nothing when something at the head of the prompt changes from turn to turn. Needs otel.semconv: both (or latest).",
          unit: "percentunit",
          min: 0,
          max: 1,
          queries: [{ expr: CACHE_SHARE, legend: "cached" }],
        }),
        timeseries({
          title: "Context in use at the end of a call",
          description: "Share of the slot's context. At 1 llama-server cuts off or refuses.",
          unit: "percentunit",
          min: 0,
          max: 1,
          queries: quantiles("llamacpp_context_utilization", MODEL),
        }),
        heatmap({
          title: "Context in use, all calls",
          description: "How many calls ended at which share of the context.",
          unit: "percentunit",
          queries: [{ expr: `sum by (le) (increase(llamacpp_context_utilization_bucket${MODEL}[$__rate_interval]))`, legend: "{{le}}" }],
        }),
      ],
    },
    {
      title: "Queue and slots",
      panels: [
        timeseries({
          title: "Slots",
          description: "From /slots; needs otel.poll_interval_seconds.",
          unit: "none",
          stacked: true,
          min: 0,
          queries: [{ expr: "sum by (llamacpp_slot_state) (llamacpp_slot_usage)", legend: "{{llamacpp_slot_state}}" }],
        }),
        timeseries({
          title: "Waiting for a slot",
          description:
            "Requests in flight beyond the number of slots: the queue inside llama-server, as far as it comes through this sidecar.",
          unit: "none",
          min: 0,
          queries: [{ expr: "clamp_min(sum(http_server_active_requests) - sum(llamacpp_slot_limit), 0)", legend: "waiting" }],
        }),
      ],
    },
    {
      title: "Mended, and how streams end",
      panels: [
        timeseries({
          title: "Fixes by name",
          description: "Changes made to replies and requests, given up ones included.",
          unit: "none",
          bars: true,
          stacked: true,
          min: 0,
          queries: [
            {
              expr: "sum by (llama_proxy_fix_name, llama_proxy_fix_outcome) (increase(llama_proxy_fixes_total[$__rate_interval]))",
              legend: "{{llama_proxy_fix_name}} {{llama_proxy_fix_outcome}}",
            },
          ],
        }),
        timeseries({
          title: "How streams end",
          description: "completed is the good one; upstream_closed: llama-server went away in the middle; client_closed: the client did.",
          unit: "none",
          bars: true,
          stacked: true,
          min: 0,
          queries: [
            {
              expr: "sum by (llama_proxy_stream_end_reason) (increase(llama_proxy_streams_total[$__rate_interval]))",
              legend: "{{llama_proxy_stream_end_reason}}",
            },
          ],
        }),
      ],
    },
  ],
};
