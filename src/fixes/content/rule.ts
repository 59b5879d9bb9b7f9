/** What a rule may recognise in text or reasoning. Filled by the engine's author. */
export interface ContentRule {
  readonly rule: string;
}
