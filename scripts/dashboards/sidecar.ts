import { INSTANCE_VARIABLE, type Dashboard } from "./dashboard.ts";
import { mean, PER_SECOND, quantile, rate, stat, timeseries } from "./panels.ts";

const ONE = '{instance=~"$instance"}';

export const SIDECAR: Dashboard = {
  uid: "llama-proxy-sidecar",
  title: "llama-proxy: the sidecar itself",
  description: "What the sidecar costs, whether it keeps up, and whether everything is recorded.",
  variables: [INSTANCE_VARIABLE],
  rows: [
    {
      title: "Now",
      panels: [
        stat({
          title: "Overhead, 99 %",
          description: "The sidecar's own share of a request: reading it, and handing the first byte of the reply on.",
          unit: "s",
          width: 6,
          limits: [0.025, 0.1],
          queries: [{ expr: quantile(0.99, "llama_proxy_overhead_duration_seconds", ONE), legend: "99 %" }],
        }),
        stat({
          title: "Exchanges not recorded",
          description: "Dropped because the queue was full, or lost with the file, over the time range.",
          unit: "none",
          width: 6,
          decimals: 0,
          limits: [1, 10],
          queries: [
            {
              expr: 'sum(increase(llama_proxy_recorder_records_total{instance=~"$instance", llama_proxy_recorder_outcome!="written"}[$__range]))',
              legend: "lost",
              instant: true,
            },
          ],
        }),
        stat({
          title: "Recording file",
          description: "Bytes in use; recorder.max_size bounds it.",
          unit: "bytes",
          width: 6,
          queries: [{ expr: `sum(llama_proxy_recorder_db_size_bytes${ONE})`, legend: "size" }],
        }),
        stat({
          title: "llama-server",
          description: "Whether the last question to /health was answered with ok; needs otel.poll_interval_seconds.",
          unit: "none",
          width: 6,
          words: { 1: { text: "ok", color: "green" }, 0: { text: "not ok", color: "red" } },
          queries: [{ expr: 'min(llamacpp_server_status{instance=~"$instance", llamacpp_server_state="ok"})', legend: "ok" }],
        }),
      ],
    },
    {
      title: "Overhead",
      panels: [
        timeseries({
          title: "Overhead by route, 99 %",
          description: "Time between a byte's arrival and its departure, of the request and of the first byte of the reply.",
          unit: "s",
          min: 0,
          queries: [{ expr: quantile(0.99, "llama_proxy_overhead_duration_seconds", ONE, "http_route"), legend: "{{http_route}}" }],
        }),
        timeseries({
          title: "Through the sidecar, and llama-server alone",
          description: "Medians of what clients saw and of the sidecar's own requests. The gap is the sidecar and the clients' uploads.",
          unit: "s",
          min: 0,
          queries: [
            { expr: quantile(0.5, "http_server_request_duration_seconds", ONE), legend: "clients" },
            { expr: quantile(0.5, "http_client_request_duration_seconds", ONE), legend: "llama-server" },
          ],
        }),
        timeseries({
          title: "Event loop delay",
          description: "How late timers fire. Tens of milliseconds: the process is starved, and streams stutter.",
          unit: "s",
          min: 0,
          queries: [
            { expr: `max(nodejs_eventloop_delay_p50_seconds${ONE})`, legend: "median" },
            { expr: `max(nodejs_eventloop_delay_p99_seconds${ONE})`, legend: "99 %" },
          ],
        }),
        timeseries({
          title: "Event loop in use",
          description: "The busiest sidecar's. 1: the process does nothing but work, one core is full.",
          unit: "percentunit",
          min: 0,
          max: 1,
          queries: [{ expr: `max(nodejs_eventloop_utilization_ratio${ONE})`, legend: "in use" }],
        }),
        timeseries({
          title: "Time of fixes",
          description: "What a fix that changed something took of one reply on average, over all its frames.",
          unit: "s",
          min: 0,
          queries: [{ expr: mean("llama_proxy_fix_duration_seconds", ONE, "llama_proxy_fix_name"), legend: "{{llama_proxy_fix_name}}" }],
        }),
        timeseries({
          title: "Open requests and streams",
          description: "A line that never falls back is a stream nobody ends.",
          unit: "none",
          min: 0,
          queries: [
            { expr: `sum(http_server_active_requests${ONE})`, legend: "requests" },
            { expr: `sum(llama_proxy_stream_active${ONE})`, legend: "streams" },
          ],
        }),
        timeseries({
          title: "Requests to llama-server that failed",
          description: "As the HTTP client saw them.",
          unit: "reqps",
          min: 0,
          stacked: true,
          queries: [
            {
              expr: `sum by (error_type) (${rate("http_client_request_duration_seconds_count", '{instance=~"$instance", error_type!=""}')})`,
              legend: "{{error_type}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Recorder",
      panels: [
        timeseries({
          title: "Exchanges offered to the recording",
          description: "written, dropped (queue full), failed (disk, damage, lock).",
          unit: PER_SECOND,
          stacked: true,
          min: 0,
          queries: [
            {
              expr: `sum by (llama_proxy_recorder_outcome) (${rate("llama_proxy_recorder_records_total", ONE)})`,
              legend: "{{llama_proxy_recorder_outcome}}",
            },
          ],
        }),
        timeseries({
          title: "Queue in use",
          description: "Share of the bound. At 1 bodies are dropped, traffic goes on.",
          unit: "percentunit",
          min: 0,
          queries: [
            {
              expr: `max(llama_proxy_recorder_queue_usage${ONE} / llama_proxy_recorder_queue_limit${ONE})`,
              legend: "in use",
            },
          ],
        }),
        timeseries({
          title: "Duration of a write",
          description: "One transaction. It runs in a thread of its own: slow is no harm until the queue fills.",
          unit: "s",
          min: 0,
          queries: [
            { expr: quantile(0.5, "llama_proxy_recorder_write_duration_seconds", ONE), legend: "median" },
            { expr: quantile(0.99, "llama_proxy_recorder_write_duration_seconds", ONE), legend: "99 %" },
          ],
        }),
        timeseries({
          title: "Size of the recording",
          description: "Grows to recorder.max_size and stays there.",
          unit: "bytes",
          min: 0,
          queries: [{ expr: `sum(llama_proxy_recorder_db_size_bytes${ONE})`, legend: "size" }],
        }),
      ],
    },
  ],
};
