/** What is wrong with a configuration, fit to be shown as it is. */
export interface Problem {
  /** `config.yaml:12`, `--port`, `LLAMA_PROXY_SERVER_PORT`. */
  readonly where: string;
  /** Dotted key; empty for the file as a whole. */
  readonly key: string;
  /** What is wrong and the cure. */
  readonly message: string;
}

/** Carries every problem found, not only the first. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  /** `remark`: a last line for all of them. */
  constructor(found: readonly Problem[], remark?: string) {
    // In the order of the file's lines.
    const problems = found.toSorted((a, b) => a.where.localeCompare(b.where, "en", { numeric: true }));
    const lines = problems.map((problem) => [problem.where, problem.key, problem.message].filter((part) => part !== "").join(": "));
    super([...lines, ...(remark === undefined ? [] : [remark])].join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}
