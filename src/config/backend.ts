/** The backend's one address, from `url` or `host` + `port`, whichever was said last. */
import type { Problem } from "./problem.ts";

export interface BackendSaid {
  readonly url: string | undefined;
  readonly host: string;
  readonly port: number;
  /** How strongly each was said: 0 default, 1 file, 2 environment, 3 flag. */
  readonly rank: { readonly url: number; readonly host: number; readonly port: number };
  readonly where: string;
}

export function backendUrl(said: BackendSaid): { url: string } | { problem: Problem } {
  const { url, host, port, rank } = said;
  if (url === undefined) return { url: `http://${bracketed(host)}:${port}` };
  if (rank.url > 0 && (rank.host === rank.url || rank.port === rank.url)) {
    return { problem: { where: said.where, key: "backend.url", message: "give either the URL or host and port, not both" } };
  }
  // A flag or variable that names a port changes the port of a URL from the file.
  const parsed = new URL(url);
  if (rank.host > rank.url) parsed.hostname = bracketed(host);
  if (rank.port > rank.url) parsed.port = String(port);
  return { url: parsed.origin };
}

/** True when a request to the backend would come back to the sidecar itself. */
export function pointsAtSelf(server: { readonly host: string; readonly port: number }, url: string): boolean {
  const backend = new URL(url);
  const port = Number(backend.port) || (backend.protocol === "https:" ? 443 : 80);
  if (server.port === 0 || port !== server.port) return false;
  const here = unbracketed(server.host.toLowerCase());
  const there = unbracketed(backend.hostname);
  return here === there || (isLocal(here) && isLocal(there));
}

function isLocal(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "::" || host === "0.0.0.0" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function unbracketed(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}
