import { dashboardText } from "./dashboard.ts";
import { OVERVIEW } from "./overview.ts";
import { SIDECAR } from "./sidecar.ts";
import { TRACES } from "./traces.ts";

/** The shipped dashboards: name of the file under docker/grafana/dashboards, and its text. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map([OVERVIEW, SIDECAR, TRACES].map((dashboard) => [`${dashboard.uid}.json`, dashboardText(dashboard)]));
}
