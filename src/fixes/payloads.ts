import type { Message } from "../dialects/dialect.ts";
import type { Frame } from "../wire/frame.ts";
import type { JsonObject } from "../wire/json.ts";
import type { FrameRule } from "./fix.ts";
import { mapCalls } from "./frame/walk.ts";
import type { NoteBy } from "./notes.ts";
import { noteCut, type Slot } from "./slot.ts";

const NO_SLOTS: readonly Slot[] = [];

/** The frame rules of one reply on whole messages. A rule that throws is left out for the rest of it. */
export class PayloadRules {
  readonly #noteBy: NoteBy;
  readonly #all: readonly Slot[];
  /** Those that map payloads before the calls in them are looked at, those that look at calls, and those behind. */
  #before: readonly Slot[] = NO_SLOTS;
  #calls: readonly Slot[] = NO_SLOTS;
  #after: readonly Slot[] = NO_SLOTS;
  #senders: readonly Slot[] = NO_SLOTS;
  #change: ((call: JsonObject, choice: number, position: number) => JsonObject | undefined) | undefined;
  /** The payload whose calls are being looked at. */
  #payload: unknown;

  /** `slots`: all of the reply, filled as its fixes start. */
  constructor(slots: readonly Slot[], noteBy: NoteBy) {
    this.#all = slots;
    this.#noteBy = noteBy;
  }

  add(slot: Slot, rule: FrameRule): void {
    if (rule.onPayload && this.#calls.length === 0) this.#before = [...this.#before, slot];
    else if (rule.onPayload) this.#after = [...this.#after, slot];
    if (rule.onCall) this.#calls = [...this.#calls, slot];
    if (rule.onSend) this.#senders = [...this.#senders, slot];
  }

  oddFrame(frame: Frame, ended: boolean): readonly Frame[] | undefined {
    let frames: readonly Frame[] = [frame];
    for (const slot of this.#all) {
      this.#guarded(slot, (rule) => {
        if (rule.onOddFrame) frames = frames.flatMap((current) => rule.onOddFrame?.(current, ended) ?? [current]);
      });
    }
    return frames.length === 1 && frames[0] === frame ? undefined : frames;
  }

  map(message: Message): Message | undefined {
    let payload = this.#mapped(this.#before, message.payload, message);
    if (this.#calls.length > 0) {
      this.#payload = payload;
      payload = mapCalls(payload, "delta", (this.#change ??= (call, choice, position) => this.#onCall(call, choice, position)));
    }
    payload = this.#mapped(this.#after, payload, message);
    if (payload === message.payload) return message;
    return payload === undefined ? undefined : { frame: message.frame, payload };
  }

  document(body: unknown): unknown {
    let current = body;
    for (const slot of this.#all) {
      this.#guarded(slot, (rule) => {
        if (rule.onDocument) current = rule.onDocument(current);
      });
    }
    return current;
  }

  dress(payload: unknown): unknown {
    let current = payload;
    for (const slot of this.#senders) {
      try {
        if (slot.rule?.onSend) current = slot.rule.onSend(current);
      } catch (cause) {
        this.#leaveOut(slot, cause);
      }
    }
    return current;
  }

  #mapped(slots: readonly Slot[], payload: unknown, message: Message): unknown {
    let current = payload;
    for (let i = 0; i < slots.length && current !== undefined; i++) {
      const slot = slots[i] as Slot;
      try {
        if (slot.rule?.onPayload) current = slot.rule.onPayload(current, message);
      } catch (cause) {
        this.#leaveOut(slot, cause);
      }
    }
    return current;
  }

  #onCall(call: JsonObject, choice: number, position: number): JsonObject | undefined {
    let current = call;
    for (const slot of this.#calls) {
      try {
        if (!slot.rule?.onCall) continue;
        const changed = slot.rule.onCall(current, choice, position, this.#payload);
        if (changed === undefined) return undefined;
        current = changed;
      } catch (cause) {
        this.#leaveOut(slot, cause);
      }
    }
    return current;
  }

  /** Runs one rule; if it throws, it is left out for the rest of the reply. */
  #guarded(slot: Slot, work: (rule: FrameRule) => void): void {
    if (!slot.rule) return;
    try {
      work(slot.rule);
    } catch (cause) {
      this.#leaveOut(slot, cause);
    }
  }

  #leaveOut(slot: Slot, cause: unknown): void {
    slot.rule = undefined;
    noteCut(slot, cause, this.#noteBy);
  }
}
