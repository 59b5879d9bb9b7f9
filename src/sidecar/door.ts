import { createHash, timingSafeEqual } from "node:crypto";
import type { RawHeaders } from "../wire/headers.ts";
import { withoutHeaders } from "../wire/headers.ts";

/**
 * The sidecar's own lock, for when it listens wider than this machine. Keys are kept as hashes, and a
 * key that opened the door goes no further: the backend may be somebody else's.
 */
export interface Door {
  /** Without keys it is open to whoever reaches the port. */
  readonly locked: boolean;
  /** One of the header fields holds a key. */
  holdsKey(headers: RawHeaders): boolean;
  /** The headers for the backend: its own key in place of the client's where one of ours was shown, else as they are. */
  towardsBackend(headers: string[]): string[];
}

export interface DoorOptions {
  /** Texts that open it; empty leaves it open. */
  readonly keys: readonly string[];
  /** The backend's own key: given out only to those who showed one of ours. */
  readonly backendKey: string | undefined;
}

const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "x-api-key"]);

export function createDoor({ keys, backendKey }: DoorOptions): Door {
  const hashes = keys.map(hashOf);

  function opens(name: string | undefined, value: string | undefined): boolean {
    const shown = keyIn(name, value);
    if (shown === undefined) return false;
    const hash = hashOf(shown);
    let found = false;
    // Every key is compared, so that the time says nothing about which one came close.
    for (const one of hashes) found = timingSafeEqual(one, hash) || found;
    return found;
  }

  function holdsKey(headers: RawHeaders): boolean {
    for (let i = 0; i + 1 < headers.length; i += 2) if (opens(headers[i], headers[i + 1])) return true;
    return false;
  }

  return {
    locked: keys.length > 0,
    holdsKey,
    towardsBackend(headers) {
      if (keys.length === 0 || !holdsKey(headers)) return headers;
      if (backendKey !== undefined) return [...withoutHeaders(headers, CREDENTIALS), "Authorization", `Bearer ${backendKey}`];
      const kept: string[] = [];
      for (let i = 0; i + 1 < headers.length; i += 2) {
        if (!opens(headers[i], headers[i + 1])) kept.push(headers[i] ?? "", headers[i + 1] ?? "");
      }
      return kept;
    },
  };
}

/** Nobody is asked for a key. */
export const OPEN_DOOR: Door = createDoor({ keys: [], backendKey: undefined });

/** The key a field carries: `Authorization: Bearer KEY` or `x-api-key: KEY`. */
function keyIn(name: string | undefined, value: string | undefined): string | undefined {
  switch (name?.toLowerCase()) {
    case "authorization":
      return /^bearer +(\S+) *$/i.exec(value ?? "")?.[1];
    case "x-api-key":
      return value?.trim();
    default:
      return undefined;
  }
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text, "latin1").digest();
}

/** True for requests that are answered without a key, as llama-server does: health checks and the browser's preflight. */
export function isPublic(method: string, path: string): boolean {
  return method === "OPTIONS" || path === "/health" || path === "/v1/health";
}
