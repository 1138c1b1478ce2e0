import { afterAll, describe, test } from '@jest/globals';
import type { TestFramework } from '@overlay/conformance';

/** Jest, as the suite wants it. */
export const jestFramework: TestFramework = {
  describe: (name, body) => describe(name, body),
  test: (name, body, timeoutMs) => test(name, body, timeoutMs),
  skip: (name) => test.skip(name, () => undefined),
  after: (body) => afterAll(body),
};
