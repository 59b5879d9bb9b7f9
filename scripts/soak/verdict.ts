/** What was promised and not kept; every promise is counted, so that one that was never looked at shows. */
const broken: string[] = [];
let looked = 0;

export function promise(what: string, kept: boolean, why = ""): void {
  looked += 1;
  if (kept) return;
  broken.push(why === "" ? what : `${what} (${why})`);
  say(`BROKEN: ${broken.at(-1)}`);
}

/** Prints the verdict; the exit code that goes with it. */
export function verdict(): number {
  say(broken.length === 0 ? `every promise kept, ${looked} looked at` : `broken ${broken.length} of ${looked}: ${broken.join("; ")}`);
  return broken.length === 0 ? 0 : 1;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
