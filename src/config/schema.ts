/**
 * Every configuration key, its default and what it means: the one place for all three.
 * `config.yaml.default`, the environment names and the errors follow from here (keys.ts, document.ts, load.ts).
 */
import { z } from "zod";
import { FIXES } from "../fixes/index.ts";
import type { Fix } from "../fixes/fix.ts";
import { duration, flag, jsonPointer, oneOf, oneOfNumbers, otlpUrl, pattern, seconds, serverUrl, size, text, whole } from "./values.ts";

const server = section("Where the sidecar listens, and what it lets through.", {
  host: text("an address or host name")
    .default("127.0.0.1")
    .describe("Address to listen on. 0.0.0.0 lets other machines in: llama-server's API has no other lock."),
  port: whole(0, 65_535).default(8066).describe("Port to listen on; 0 takes a free one."),
  drain_seconds: seconds().default(30).describe("After SIGTERM or SIGINT: how long running replies may take to end by themselves."),
  max_request_bytes: size()
    .prefault("64MiB")
    .describe("A request body above this is passed on without being understood, mended or recorded."),
  max_reply_bytes: size().prefault("64MiB").describe("A reply that comes whole and is larger than this is passed on without being mended."),
  max_frame_bytes: size().prefault("16MiB").describe("A frame above this makes the rest of its stream pass unread."),
  max_connections: whole(0, 1_000_000).default(4096).describe("Connections above this are closed as they come; 0: no limit."),
  header_timeout_seconds: z
    .number({ error: "expected a number of seconds, 1 or more" })
    .min(1, { error: "expected a number of seconds, 1 or more" })
    .default(60)
    .describe("How long a client may take to send the head of a request."),
  api_keys_env: text("the name of an environment variable")
    .optional()
    .meta({
      description:
        "Name of the environment variable that holds the proxy's own keys, separated by blanks or commas. With keys, each request must show one (Authorization: Bearer, or x-api-key), except OPTIONS and /health.",
      examples: ["LLAMA_PROXY_KEYS"],
    }),
  api_keys_file: text("a file path")
    .optional()
    .meta({
      description: "File with the proxy's own keys, one a line, # starts a comment; read again at a reload. Adds to api_keys_env.",
      examples: ["/etc/llama-proxy/keys"],
    }),
  tls: section("Speak HTTPS with clients: both files, in PEM. Read again at a reload.", {
    cert: text("a file path")
      .optional()
      .meta({ description: "The certificate, with its chain.", examples: ["/etc/llama-proxy/cert.pem"] }),
    key: text("a file path")
      .optional()
      .meta({ description: "Its private key.", examples: ["/etc/llama-proxy/key.pem"] }),
  }),
});

const backend = section("The llama-server behind the sidecar.", {
  url: serverUrl()
    .optional()
    .meta({
      description: "Its address in one piece, e.g. https://gpu:8443; instead of host and port.",
      examples: ["http://127.0.0.1:8080"],
    }),
  host: text("an address or host name").default("127.0.0.1").describe("Its address."),
  port: whole(1, 65_535).default(8080).describe("Its port."),
  timeout_seconds: seconds()
    .default(3600)
    .describe("Silence of the backend after which a request is given up (a long prompt is silent); 0 waits for ever."),
  api_key_env: text("the name of an environment variable")
    .optional()
    .meta({
      description:
        "Name of the environment variable that holds llama-server's API key, for the sidecar's own questions (/props, test-backend, replay --live). Clients' keys pass through, unless the proxy has keys of its own: then whoever shows one of those is passed on with this key.",
      examples: ["LLAMA_API_KEY"],
    }),
});

const stats = section("The metrics of each request on stdout.", {
  enabled: flag().default(true).describe("Print them."),
  format: oneOf(["pretty", "json", "compact"])
    .optional()
    .meta({
      description: "pretty (a box), json (one object a line) or compact (one line); without it pretty on a terminal, else compact.",
      examples: ["compact"],
    }),
});

const recorder = section("The recording of every exchange, in one SQLite file.", {
  enabled: flag().default(true).describe("Record."),
  path: text("a file path")
    .optional()
    .meta({
      description: "The file; without it llama-proxy/llama-proxy.db in the user's data folder ($XDG_DATA_HOME, ~/.local/share).",
      examples: ["/var/lib/llama-proxy/llama-proxy.db"],
    }),
  all_routes: flag().default(false).describe("Also record routes that are passed through without being understood (/props, /slots, ...)."),
  max_size: size().prefault("5GB").describe("Oldest exchanges are removed above this size; 0: no limit."),
  max_age: duration().prefault("14d").describe("Exchanges older than this are removed; 0: no limit."),
  queue_bytes: size()
    .prefault("32MiB")
    .describe("Memory for what waits to be written; above it bodies are dropped and counted, traffic never waits."),
  redact: z
    .array(text("a header name"), { error: "expected a list of header names" })
    .default([])
    .describe(
      "More headers whose values are not kept. Always: authorization, proxy-authorization, cookie, set-cookie, x-api-key, api-key.",
    ),
  redact_pointers: z
    .array(jsonPointer(), { error: "expected a list of JSON pointers" })
    .default([])
    .describe("Members of request bodies and whole replies whose values are not kept, as JSON pointers; * stands for any member."),
  redact_patterns: z
    .array(pattern(), { error: "expected a list of regular expressions" })
    .default([])
    .describe("Text that is not kept, wherever it stands in a body or a frame, as JavaScript regular expressions."),
  record: oneOf(["all", "errors"]).default("all").describe("errors keeps only exchanges that failed."),
  sample: z
    .number({ error: "expected a number from 0 to 1" })
    .min(0, "expected a number from 0 to 1")
    .max(1, "expected a number from 0 to 1")
    .default(1)
    .describe("Share of exchanges that is kept, 0 to 1."),
});

const otel = section(
  "Traces, metrics and events over OTLP/HTTP. Off until an endpoint is given here, by --otlp or by OTEL_EXPORTER_OTLP_ENDPOINT.",
  {
    enabled: flag().default(true).describe("false turns it off although there is an endpoint (OTEL_SDK_DISABLED=true does the same)."),
    endpoint: otlpUrl()
      .optional()
      .meta({ description: "The collector's OTLP/HTTP address, e.g. http://127.0.0.1:4318.", examples: ["http://127.0.0.1:4318"] }),
    headers: z
      .record(z.string(), z.string({ error: "expected a text" }), { error: "expected a map of header names and values" })
      .default({})
      .describe("Headers for the collector, e.g. {authorization: Bearer …}; OTEL_EXPORTER_OTLP_HEADERS is the better place for secrets."),
    semconv: oneOfNumbers(["1.41", "latest", "both"])
      .default("1.41")
      .describe("GenAI vocabulary of metric names: 1.41 is the last released one."),
    capture_content: oneOf(["none", "span", "event", "both"])
      .default("none")
      .describe("Whether prompts and answers leave this machine, and how."),
    content_max_chars: whole(0, Number.MAX_SAFE_INTEGER)
      .default(10_000)
      .describe("Captured content is cut to this many characters per part."),
    provider_name: text("a name").default("llamacpp").describe("gen_ai.provider.name."),
    max_models: whole(1, 10_000).default(50).describe("Distinct model names on metrics; what is beyond becomes _OTHER."),
    histograms: oneOf(["explicit", "exponential"])
      .default("explicit")
      .describe("Kind of histograms; InfluxDB's exporter takes explicit ones only."),
    server_metrics: flag().default(true).describe("Also the gen_ai.server.* family: llama-server as seen from beside it."),
    poll_interval_seconds: z
      .number({ error: "expected 0 (off) or at least 5 seconds" })
      .refine((value) => value === 0 || value >= 5, { error: "expected 0 (off) or at least 5 seconds" })
      .default(0)
      .describe(
        "Ask /slots and /health every so often for gauges; 0 is off. Below 5 s llama-server misses departed clients, so that is an error.",
      ),
    pull: flag().default(false).describe("Serve the metrics as Prometheus text at /_llama-proxy/metrics, with or without an endpoint."),
    shutdown_timeout_seconds: seconds().default(2).describe("At exit: how long the last export may take."),
    conversation_id_header: text("a header name")
      .optional()
      .meta({
        description: "Request header that carries the conversation id, for gen_ai.conversation.id.",
        examples: ["x-conversation-id"],
      }),
  },
);

const MODES = ["off", "observe", "fix"] as const;

/** The keys of one fix: the switch, the mode, and what the fix itself defines. */
function moduleOf(fix: Fix) {
  return section(fix.summary, {
    enabled: flag()
      .optional()
      .meta({ description: "false turns it off; true turns it on where it is off by default.", examples: [fix.defaultMode !== "off"] }),
    mode: oneOf(MODES)
      .optional()
      .meta({ description: `off, observe (report, change nothing) or fix; default ${fix.defaultMode}.`, examples: [fix.defaultMode] }),
    ...(fix.options.shape as Record<string, z.ZodType>),
  });
}

export const CONFIG_SCHEMA = z.strictObject(
  {
    server,
    backend,
    fixes: section("What is mended in replies (and, for request fixes, in requests).", {
      enabled: flag().default(true).describe("The master switch."),
      modules: section(
        "One entry per fix, with its default mode: off, observe (report, change nothing) or fix. enabled: false turns it off, true turns it on where it is off by default. llama-proxy list-fixes --verbose explains each.",
        Object.fromEntries(FIXES.map((fix) => [fix.name, moduleOf(fix)])),
      ),
    }),
    stats,
    recorder,
    otel,
  },
  { error: "expected a map of keys" },
);

type Parsed = z.output<typeof CONFIG_SCHEMA>;

/** A checked configuration. Names are the file's; sizes are bytes, durations milliseconds, `*_seconds` seconds. */
export interface Config {
  readonly server: Readonly<Parsed["server"]>;
  readonly backend: {
    /** Origin of the backend, whichever way it was configured. */
    readonly url: string;
    readonly timeout_seconds: number;
    readonly api_key_env?: string | undefined;
  };
  readonly fixes: {
    readonly enabled: boolean;
    readonly modules: Readonly<Record<string, Record<string, unknown> & { enabled?: boolean; mode?: (typeof MODES)[number] }>>;
  };
  readonly stats: Readonly<Parsed["stats"]>;
  readonly recorder: Readonly<Parsed["recorder"]>;
  readonly otel: Readonly<Parsed["otel"]>;
}

/** A map of keys that may be left out, every key in it too; a key it does not know is an error. */
function section<S extends z.core.$ZodLooseShape>(description: string, shape: S) {
  return z
    .strictObject(shape, { error: "expected a map of keys" })
    .prefault({} as never)
    .describe(description);
}
