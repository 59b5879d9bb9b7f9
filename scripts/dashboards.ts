/** Writes docker/grafana/dashboards/*.json from scripts/dashboards/. Then `npx oxfmt docker`. A test keeps the two in step. */
import { writeFileSync } from "node:fs";
import { dashboardFiles } from "./dashboards/files.ts";

for (const [name, text] of dashboardFiles()) {
  writeFileSync(new URL(`../docker/grafana/dashboards/${name}`, import.meta.url), text);
}
