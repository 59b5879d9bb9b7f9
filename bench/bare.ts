/**
 * A pass-through without a single feature, written plainly: node:http in front, undici behind. What a proxy
 * in Node costs before it does anything, for orientation. `BACKEND` and `PORT` are its environment.
 */
import { createServer } from "node:http";
import { Pool } from "undici";

const HOP_BY_HOP = new Set(["connection", "content-length", "keep-alive", "transfer-encoding"]);
const pool = new Pool(process.env["BACKEND"] ?? "", { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });

createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const headers = request.rawHeaders.filter((_, i, all) => !HOP_BY_HOP.has((all[i - (i % 2)] ?? "").toLowerCase()));
    pool.dispatch(
      { method: request.method as "GET", path: request.url ?? "/", headers, body: Buffer.concat(pieces) },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, fields) {
          response.writeHead(status, Object.fromEntries(Object.entries(fields).filter(([name]) => !HOP_BY_HOP.has(name))));
          response.flushHeaders();
        },
        onResponseData: (_controller, chunk) => void response.write(chunk),
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
      },
    );
  });
}).listen(Number(process.env["PORT"]), "127.0.0.1", 4096);
