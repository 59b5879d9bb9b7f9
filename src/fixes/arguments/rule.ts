/** What a rule may change in the argument transducer. Filled by the engine's author. */
export interface ArgumentRule {
  readonly rule: string;
}
