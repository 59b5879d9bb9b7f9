import { nativeDialect } from "./llama-native.ts";

/** Both routes are the native API; `/v1/completions` alone is OpenAI's. */
export const llamaCompletion = nativeDialect("llamacpp.completion", ["/completion", "/completions"]);
