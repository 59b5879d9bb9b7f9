/**
 * How long the backend has said nothing. One timer looks at when it was last heard: to start one anew with every frame
 * would cost more.
 */
export class Silence {
  readonly #elapsed: () => number;
  readonly #limitMs: number;
  readonly #isHeldBack: () => boolean;
  readonly #tooLong: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the backend last gave a sign of life; in the time of `elapsed`, as everything here. */
  heardAt = 0;

  /** `isHeldBack`: a slow client keeps the backend waiting; that silence is not the backend's. */
  constructor(elapsed: () => number, limitMs: number, isHeldBack: () => boolean, tooLong: () => void) {
    this.#elapsed = elapsed;
    this.#limitMs = limitMs;
    this.#isHeldBack = isHeldBack;
    this.#tooLong = tooLong;
  }

  start(): void {
    this.heardAt = this.#elapsed();
    this.#timer ??= setTimeout(this.#look, this.#limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #look = (): void => {
    const left = this.#isHeldBack() ? this.#limitMs : this.heardAt + this.#limitMs - this.#elapsed();
    if (left > 0) this.#timer = setTimeout(this.#look, Math.ceil(left));
    else this.#tooLong();
  };
}
