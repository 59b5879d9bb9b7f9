import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Door } from "./door.ts";

/**
 * Why a request to our own routes is refused, undefined when it may pass. A key opens them from
 * anywhere; without one only programs of this machine may ask, and not on behalf of a web page: a
 * page of any site can make a browser ask 127.0.0.1, under a name of its own choosing (DNS rebinding).
 */
export function ownRouteRefusal(request: IncomingMessage, door: Door): string | undefined {
  if (door.locked && door.holdsKey(request.rawHeaders)) return undefined;
  if (!isLoopback(request.socket.remoteAddress)) return "from another machine these routes need one of server.api_keys_*";
  const { host, origin } = request.headers;
  if (host !== undefined && !isLocalName(hostNameOf(host))) return "the Host field names another machine";
  if (origin !== undefined && !isLocalName(URL.parse(origin)?.hostname)) return "the request comes from a web page of another site";
  if (request.headers["sec-fetch-site"] === "cross-site") return "the request comes from a web page of another site";
  return undefined;
}

export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  return plain === "::1" || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

/** A name of this machine, or an address: rebinding needs a name that somebody else controls. */
function isLocalName(name: string | undefined): boolean {
  if (name === undefined) return false;
  const plain = name.replace(/^\[|\]$/g, "").toLowerCase();
  return plain === "localhost" || plain.endsWith(".localhost") || isIP(plain) !== 0;
}

function hostNameOf(host: string): string {
  return host.replace(/:\d*$/, "");
}
