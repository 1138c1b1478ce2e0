// The suite in vitest.
import { backendConformance } from '@overlay/conformance/backend';
import { afterAll, describe, test } from 'vitest';
import { run } from './subject.mjs';

backendConformance({
  ...run,
  framework: { describe, test, skip: (name) => test.skip(name, () => undefined), after: (body) => afterAll(body) },
});
