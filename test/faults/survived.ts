import type { Reporter, TestModule } from "vitest/node";

/** The last line of `npm run faults`: how many of the faults the sidecar survived. */
export default class Survived implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const survived = tests.filter((test) => test.ok()).length;
    process.stdout.write(`survived ${survived}/${tests.length}\n`);
  }
}
