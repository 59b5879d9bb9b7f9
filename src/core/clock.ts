/** Time, handed in so that tests can hold it still. */
export interface Clock {
  /** Unix time in milliseconds. */
  wallMs(): number;
  /** Milliseconds from a fixed point; never goes back. */
  monoMs(): number;
}

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
};
