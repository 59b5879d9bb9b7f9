import { PROMETHEUS, type Panel } from "./panels.ts";

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly unknown[];
  readonly rows: readonly Row[];
}

/** Models that were asked for. All also covers requests that name none. */
export const MODEL_VARIABLE = {
  name: "model",
  label: "model",
  type: "query",
  datasource: PROMETHEUS,
  definition: "label_values(gen_ai_client_operation_duration_seconds_count, gen_ai_request_model)",
  query: { query: "label_values(gen_ai_client_operation_duration_seconds_count, gen_ai_request_model)", refId: "model" },
  refresh: 2,
  includeAll: true,
  allValue: ".*",
  multi: true,
  current: { text: "All", value: "$__all" },
};

/** One sidecar of several, by service.instance.id. */
export const INSTANCE_VARIABLE = {
  name: "instance",
  label: "sidecar",
  type: "query",
  datasource: PROMETHEUS,
  definition: "label_values(nodejs_eventloop_utilization_ratio, instance)",
  query: { query: "label_values(nodejs_eventloop_utilization_ratio, instance)", refId: "instance" },
  refresh: 2,
  includeAll: true,
  allValue: ".*",
  multi: true,
  current: { text: "All", value: "$__all" },
};

/** The file's text. Panels fill 24 columns from left to right, row by row. */
export function dashboardText(dashboard: Dashboard): string {
  const panels: unknown[] = [];
  let y = 0;
  let id = 0;
  for (const row of dashboard.rows) {
    id += 1;
    panels.push({ id, type: "row", title: row.title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const panel of row.panels) {
      if (x + panel.width > 24) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      id += 1;
      panels.push({ id, ...panel.json, gridPos: { x, y, w: panel.width, h: panel.height } });
      x += panel.width;
      tallest = Math.max(tallest, panel.height);
    }
    y += tallest;
  }
  const document = {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.description,
    tags: ["llama-proxy"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "",
    links: [
      {
        title: "llama-proxy",
        type: "dashboards",
        tags: ["llama-proxy"],
        asDropdown: false,
        includeVars: false,
        keepTime: true,
        icon: "dashboard",
      },
    ],
    templating: { list: dashboard.variables },
    annotations: { list: [] },
    panels,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
