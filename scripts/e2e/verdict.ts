/** What was checked, told as it comes and as a table's last line. */
export interface Verdict {
  check(what: string, passed: boolean, detail?: string): void;
  heading(title: string): void;
  readonly passed: number;
  readonly failed: number;
}

export function createVerdict(write: (line: string) => void): Verdict {
  let passed = 0;
  let failed = 0;
  return {
    heading: (title) => write(`\n${title}`),
    check(what, good, detail = "") {
      if (good) passed += 1;
      else failed += 1;
      write(`  ${good ? "ok    " : "FAILED"}  ${what.padEnd(64)}  ${detail}`.trimEnd());
    },
    get passed() {
      return passed;
    },
    get failed() {
      return failed;
    },
  };
}
