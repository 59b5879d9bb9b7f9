import { expect, test } from "vitest";
import type { Tool } from "../../../src/core/delta.ts";
import { openaiChat } from "../../../src/dialects/openai-chat.ts";
import { createArgumentStage } from "../../../src/fixes/arguments/stage.ts";
import { planOf, sendStream } from "./support.ts";

const TOOLS = 1000;

test("the names of a request's tools are read once, however many calls name none of them", () => {
  let reads = 0;
  const tools = Array.from({ length: TOOLS }, (_, i): Tool => {
    return {
      parameters: {},
      get name() {
        reads += 1;
        return `tool_${i}`;
      },
    };
  });
  const request = { ...openaiChat.readRequest({ stream: true }), tools };
  const refused: string[] = [];
  const stage = createArgumentStage(planOf(), request, () => (note) => void refused.push(`${note.action} ${note.toolName}`));
  for (let tool = 0; tool < 100; tool++) {
    stage.onDelta({ kind: "tool-open", choice: 0, tool, id: `c${tool}`, name: `functions.bogus-${tool}.x` }, () => {});
  }
  expect(refused).toHaveLength(100);
  // Once for the key, once for the tool made of it.
  expect(reads).toBeLessThanOrEqual(2 * TOOLS);
});

test("a name behind a namespace is not taken for a tool only since neither is written in Latin letters", () => {
  const [weather, news] = ["天气", "新闻"].map((name) => ({ name, parameters: {} }));
  const chunks = [{ index: 0, text: "{}" }];
  const sent = (name: string) => sendStream([weather as Tool, news as Tool], [name], chunks, "tool_calls").calls[0]?.name;
  expect(sent("functions.新闻")).toBe("新闻");
  expect(sent("functions.股票")).toBe("functions.股票");
});

test("a name said several times over, with namespace and number", () => {
  const list: Tool = { name: "list_files", parameters: {} };
  const chunks = [{ index: 0, text: "{}" }];
  const sent = (name: string) => sendStream([list], [name], chunks, "tool_calls").calls[0]?.name;
  for (const name of ["list_fileslist_files", "functions.list_files:0", "List-Files", "listFiles"]) expect(sent(name)).toBe("list_files");
});
