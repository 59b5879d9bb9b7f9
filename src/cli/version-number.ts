import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

/** The package's version; the same from source and from dist. */
export const VERSION: string = manifest.version;
