/** One cause that was found, for a person and for programs. */
export interface Finding {
  /** Stable word for programs: `date-time`, `other-conversation`, `queue` … */
  readonly code: string;
  readonly text: string;
  /** What to do about it; absent where nothing is wrong. */
  readonly cure?: string;
}
