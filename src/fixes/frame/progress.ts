/** Follows JSON text that comes in pieces just far enough to tell whether it is whole. */
export class JsonProgress {
  private depth = 0;
  private inString = false;
  private escaped = false;
  private begun = false;

  feed(text: string): void {
    // Most pieces lie inside a string.
    if (this.inString && !this.escaped && !text.includes('"') && !text.includes("\\")) return;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (code === 0x5c) this.escaped = true;
        else if (code === 0x22) this.inString = false;
      } else if (code === 0x22) {
        this.inString = true;
        this.begun = true;
      } else if (code === 0x7b || code === 0x5b) {
        this.depth += 1;
        this.begun = true;
      } else if (code === 0x7d || code === 0x5d) {
        this.depth -= 1;
      }
    }
  }

  /** Nothing came yet. */
  get empty(): boolean {
    return !this.begun;
  }

  /** Every bracket that was opened is closed, and no string is open. Says nothing about what is between them. */
  get whole(): boolean {
    return this.begun && this.depth <= 0 && !this.inString;
  }
}
