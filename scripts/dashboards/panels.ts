/** The few kinds of panel that the dashboards are made of, as Grafana's JSON (schema of Grafana 11 and 12). */

type Json = Readonly<Record<string, unknown>>;

export interface Query {
  readonly expr: string;
  /** Legend; `{{label}}` is filled in by Grafana. */
  readonly legend: string;
  /** Asked once, for the end of the time range. */
  readonly instant?: boolean;
  readonly exemplar?: boolean;
}

export interface PanelOptions {
  readonly title: string;
  /** What is seen, and what a change of it means. */
  readonly description: string;
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width?: number;
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
  /** Words and colours shown in place of values. */
  readonly words?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
  /** Values from which a stat turns orange and red. */
  readonly limits?: readonly [number, number];
  readonly stacked?: boolean;
  readonly bars?: boolean;
}

export interface Panel {
  readonly width: number;
  readonly height: number;
  readonly json: Json;
}

/** Grafana's way to write a unit of one's own behind the number. */
export const TOKENS_PER_SECOND = "suffix: tok/s";
export const PER_SECOND = "suffix:/s";

export const PROMETHEUS = { type: "prometheus", uid: "prometheus" };
export const TEMPO = { type: "tempo", uid: "tempo" };

export function quantile(q: number, metric: string, selector: string, by = ""): string {
  return `histogram_quantile(${q}, sum by (${by === "" ? "le" : `le, ${by}`}) (rate(${metric}_bucket${selector}[$__rate_interval])))`;
}

/** Exact, where a histogram's buckets are too coarse for quantiles. */
export function mean(metric: string, selector: string, by: string): string {
  return ["sum", "count"].map((part) => `sum by (${by}) (${rate(`${metric}_${part}`, selector)})`).join(" / ");
}

/** The usual two: what is normal, and what one call in twenty has to bear. */
export function quantiles(metric: string, selector: string): Query[] {
  return [
    { expr: quantile(0.5, metric, selector), legend: "median" },
    { expr: quantile(0.95, metric, selector), legend: "95 %" },
  ];
}

export function rate(metric: string, selector = ""): string {
  return `rate(${metric}${selector}[$__rate_interval])`;
}

export function timeseries(options: PanelOptions): Panel {
  return {
    width: options.width ?? 12,
    height: 8,
    json: {
      type: "timeseries",
      ...common(options),
      fieldConfig: {
        defaults: {
          ...defaults(options),
          custom: {
            drawStyle: options.bars ? "bars" : "line",
            fillOpacity: options.stacked ? 40 : 10,
            lineWidth: 1,
            showPoints: "never",
            spanNulls: 60_000,
            stacking: { mode: options.stacked ? "normal" : "none", group: "A" },
          },
        },
        overrides: [],
      },
      options: {
        legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] },
        tooltip: { mode: "multi", sort: "desc" },
      },
    },
  };
}

export function stat(options: PanelOptions): Panel {
  return {
    width: options.width ?? 4,
    height: 4,
    json: {
      type: "stat",
      ...common(options),
      fieldConfig: { defaults: defaults(options), overrides: [] },
      options: { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: options.limits ? "background" : "value", graphMode: "area" },
    },
  };
}

export function heatmap(options: PanelOptions): Panel {
  return {
    width: options.width ?? 12,
    height: 8,
    json: {
      type: "heatmap",
      ...common(options, "heatmap"),
      options: {
        calculate: false,
        yAxis: { unit: options.unit },
        color: { mode: "scheme", scheme: "Blues" },
        cellGap: 1,
        tooltip: { mode: "single" },
      },
    },
  };
}

export function text(title: string, content: string, width = 24, height = 6): Panel {
  return { width, height, json: { type: "text", title, options: { mode: "markdown", content } } };
}

/** Spans found by TraceQL; request ids turn into the command that replays them. */
export function spans(title: string, description: string, traceql: string): Panel {
  return {
    width: 24,
    height: 9,
    json: {
      type: "table",
      title,
      description,
      datasource: TEMPO,
      targets: [{ refId: "A", datasource: TEMPO, queryType: "traceql", query: traceql, limit: 50, tableType: "spans" }],
      fieldConfig: {
        defaults: { custom: { inspect: true, filterable: true } },
        overrides: [
          {
            matcher: { id: "byName", options: "llama_proxy.request.id" },
            properties: [
              { id: "displayName", value: "replay it" },
              { id: "custom.width", value: 380 },
              {
                id: "mappings",
                value: [{ type: "regex", options: { pattern: "^(.+)$", result: { index: 0, text: "llama-proxy replay --id $1" } } }],
              },
              { id: "links", value: [{ title: "all commands", url: "/d/llama-proxy-traces?var-id=${__value.raw}&${__url_time_range}" }] },
            ],
          },
        ],
      },
      options: { showHeader: true, cellHeight: "sm" },
    },
  };
}

function common(options: PanelOptions, format = "time_series"): Json {
  return {
    title: options.title,
    description: options.description,
    datasource: PROMETHEUS,
    targets: options.queries.map((query, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: PROMETHEUS,
      expr: query.expr,
      legendFormat: query.legend,
      format,
      ...(query.instant ? { instant: true, range: false } : { range: true }),
      ...(query.exemplar ? { exemplar: true } : {}),
    })),
  };
}

function defaults(options: PanelOptions): Json {
  const steps = options.limits
    ? [
        { color: "green", value: null },
        { color: "orange", value: options.limits[0] },
        { color: "red", value: options.limits[1] },
      ]
    : [{ color: "blue", value: null }];
  return {
    unit: options.unit,
    ...(options.min === undefined ? {} : { min: options.min }),
    ...(options.max === undefined ? {} : { max: options.max }),
    ...(options.decimals === undefined ? {} : { decimals: options.decimals }),
    ...(options.words ? { mappings: [{ type: "value", options: options.words }] } : {}),
    color: { mode: options.limits ? "thresholds" : "palette-classic" },
    thresholds: { mode: "absolute", steps },
    noValue: "-",
  };
}
