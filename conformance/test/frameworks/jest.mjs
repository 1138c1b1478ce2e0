// The suite in jest.
import { afterAll, describe, test } from '@jest/globals';
import { backendConformance } from '@overlay/conformance/backend';
import { run } from './subject.mjs';

backendConformance({
  ...run,
  framework: { describe, test, skip: (name) => test.skip(name, () => undefined), after: (body) => afterAll(body) },
});
