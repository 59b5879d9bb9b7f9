import { posix, win32 } from "node:path";

/**
 * Where recordings go when nobody says otherwise: the user's data folder, as each system has it.
 * Pure: the caller hands in the environment.
 */
export function defaultPath(env: Readonly<Record<string, string | undefined>>, platform: string, home: string): string {
  if (platform === "win32") {
    return win32.join(env["LOCALAPPDATA"] || win32.join(home, "AppData", "Local"), "llama-proxy", "llama-proxy.db");
  }
  // The XDG specification: a relative path in the variable is to be ignored.
  const xdg = env["XDG_DATA_HOME"];
  if (xdg && posix.isAbsolute(xdg)) return posix.join(xdg, "llama-proxy", "llama-proxy.db");
  const data = platform === "darwin" ? posix.join(home, "Library", "Application Support") : posix.join(home, ".local", "share");
  return posix.join(data, "llama-proxy", "llama-proxy.db");
}
