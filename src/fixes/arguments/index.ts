import type { Fix } from "../fix.ts";
import { toolcallBadFilepath } from "./toolcall-bad-filepath.ts";
import { toolcallBareValue } from "./toolcall-bare-value.ts";
import { toolcallComments } from "./toolcall-comments.ts";
import { toolcallConcatenated } from "./toolcall-concatenated.ts";
import { toolcallCumulative } from "./toolcall-cumulative.ts";
import { toolcallDoubleEncoded } from "./toolcall-double-encoded.ts";
import { toolcallEmptyArguments } from "./toolcall-empty-arguments.ts";
import { toolcallInvalidEscapes } from "./toolcall-invalid-escapes.ts";
import { toolcallLeadingGarbage } from "./toolcall-leading-garbage.ts";
import { toolcallMalformedArguments } from "./toolcall-malformed-arguments.ts";
import { toolcallMarkup } from "./toolcall-markup.ts";
import { toolcallMisnamedKey } from "./toolcall-misnamed-key.ts";
import { toolcallMissingCloseBrace } from "./toolcall-missing-close-brace.ts";
import { toolcallMissingOpenBrace } from "./toolcall-missing-open-brace.ts";
import { toolcallNameCase } from "./toolcall-name-case.ts";
import { toolcallNameDoubled } from "./toolcall-name-doubled.ts";
import { toolcallNamePrefix } from "./toolcall-name-prefix.ts";
import { toolcallNameTokenSuffix } from "./toolcall-name-token-suffix.ts";
import { toolcallObjectForString } from "./toolcall-object-for-string.ts";
import { toolcallPythonLiterals } from "./toolcall-python-literals.ts";
import { toolcallRawControl } from "./toolcall-raw-control.ts";
import { toolcallRepeatedCalls } from "./toolcall-repeated-calls.ts";
import { toolcallScalarTypes } from "./toolcall-scalar-types.ts";
import { toolcallSpecialToken } from "./toolcall-special-token.ts";
import { toolcallStringifiedContainer } from "./toolcall-stringified-container.ts";
import { toolcallSwallowedParameters } from "./toolcall-swallowed-parameters.ts";
import { toolcallTrailingComma } from "./toolcall-trailing-comma.ts";
import { toolcallTrailingGarbage } from "./toolcall-trailing-garbage.ts";
import { toolcallUnescapedQuotes } from "./toolcall-unescaped-quotes.ts";
import { toolcallWrappedArguments } from "./toolcall-wrapped.ts";

/**
 * The arguments fixes, in the order they are asked at one place: what has the narrower sign goes
 * first, what would take anything (a bare value, trailing garbage) last.
 */
export const ARGUMENT_FIXES: readonly Fix[] = [
  toolcallBadFilepath,
  toolcallEmptyArguments,
  toolcallDoubleEncoded,
  toolcallMarkup,
  toolcallMissingOpenBrace,
  toolcallWrappedArguments,
  toolcallLeadingGarbage,
  toolcallComments,
  toolcallTrailingComma,
  toolcallMisnamedKey,
  toolcallPythonLiterals,
  toolcallStringifiedContainer,
  toolcallObjectForString,
  toolcallScalarTypes,
  toolcallRawControl,
  toolcallInvalidEscapes,
  toolcallMalformedArguments,
  toolcallBareValue,
  toolcallUnescapedQuotes,
  toolcallSwallowedParameters,
  toolcallSpecialToken,
  toolcallCumulative,
  toolcallConcatenated,
  toolcallMissingCloseBrace,
  toolcallTrailingGarbage,
  toolcallNameTokenSuffix,
  toolcallNamePrefix,
  toolcallNameDoubled,
  toolcallNameCase,
  toolcallRepeatedCalls,
];
