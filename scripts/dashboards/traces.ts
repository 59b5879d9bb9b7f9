import { MODEL_VARIABLE, type Dashboard } from "./dashboard.ts";
import { spans, text, timeseries } from "./panels.ts";

const CALL = 'resource.service.name = "llama-proxy" && span.gen_ai.operation.name != nil';
const SELECT =
  "select(span.llama_proxy.request.id, span.gen_ai.request.model, span.gen_ai.usage.input_tokens, span.gen_ai.usage.output_tokens, span.gen_ai.response.time_to_first_chunk, span.llama_proxy.stream.end_reason, span.llama_proxy.fix.names)";

const COMMANDS = `Click a command in the tables below, or paste the value of **llama_proxy.request.id** from any span above. On the machine with the recording:

\`\`\`
llama-proxy replay --id \${id}
\`\`\`
\`\`\`
llama-proxy show \${id} --frames
\`\`\`
\`\`\`
llama-proxy replay --id \${id} --live
\`\`\`

From the recording to its trace: \`llama-proxy show \${id}\` names the trace id. In a container: \`docker compose exec llama-proxy node bin/llama-proxy.mjs replay --id \${id}\``;

export const TRACES: Dashboard = {
  uid: "llama-proxy-traces",
  title: "llama-proxy: calls and their recordings",
  description: "From a chart to a trace, from a trace to the command that replays it.",
  variables: [
    MODEL_VARIABLE,
    { name: "id", label: "request id", type: "textbox", query: "last", current: { text: "last", value: "last" } },
  ],
  rows: [
    {
      title: "Chart to trace",
      panels: [
        timeseries({
          title: "Duration of spans, 95 %",
          description: "Made of the spans by the Collector. The dots are exemplars: click one for its trace.",
          unit: "s",
          min: 0,
          width: 14,
          queries: [
            {
              expr: 'histogram_quantile(0.95, sum by (le, span_name) (rate(traces_span_metrics_duration_seconds_bucket{service_name="llama-proxy", span_kind="SPAN_KIND_CLIENT", gen_ai_operation_name!=""}[$__rate_interval])))',
              legend: "{{span_name}}",
              exemplar: true,
            },
          ],
        }),
        text("Replay", COMMANDS, 10, 8),
      ],
    },
    {
      title: "Calls",
      panels: [
        spans("Failed", "Calls whose span ended with an error.", `{ ${CALL} && status = error } | ${SELECT}`),
        spans("Mended", "Calls whose reply a fix changed.", `{ ${CALL} && span.llama_proxy.fix.count > 0 } | ${SELECT}`),
        spans("Slow", "Calls that took longer than ten seconds.", `{ ${CALL} && duration > 10s } | ${SELECT}`),
        spans("Latest", "All calls.", `{ ${CALL} } | ${SELECT}`),
      ],
    },
  ],
};
