import type { Tool } from "../../../src/core/delta.ts";

function tool(name: string, properties: Record<string, unknown>, required: readonly string[]): Tool {
  return { name, parameters: { type: "object", properties, required } };
}

const text = { type: "string" };

/** The tools the own cases offer. */
export const TOOLS: readonly Tool[] = [
  tool("read", { filePath: text, offset: { type: "integer" }, limit: { type: "integer" } }, ["filePath"]),
  tool("write", { path: text, content: text }, ["path", "content"]),
  tool("bash", { command: text, description: text, timeout: { type: "number" } }, ["command"]),
  tool("get_weather", { location: text, unit: { type: "string", enum: ["c", "f"] }, days: { type: "integer" } }, ["location"]),
  tool("search", { query: text, tags: { type: "array", items: text }, deep: { type: "boolean" }, opts: { type: "object" } }, ["query"]),
  tool("list_files", {}, []),
];
