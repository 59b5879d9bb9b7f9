import { nativeDialect } from "./llama-native.ts";

export const llamaInfill = nativeDialect("llamacpp.infill", ["/infill"]);
