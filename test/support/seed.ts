/**
 * Property tests look somewhere new each time a person runs them. CI looks at the same places every
 * time, so that what it says of a change is about the change; `FC_SEED` names others, also to run a
 * failure again.
 */
import { configureGlobal } from "fast-check";

const seed = process.env["FC_SEED"] ?? (process.env["CI"] ? "20261120" : undefined);
if (seed !== undefined) configureGlobal({ seed: Number(seed) });
