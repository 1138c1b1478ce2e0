// The suite in Node's own framework: `node --test`.
import { after, describe, test } from 'node:test';
import { backendConformance } from '@overlay/conformance/backend';
import { run } from './subject.mjs';

backendConformance({
  ...run,
  framework: {
    describe,
    test: (name, body, timeout) => void test(name, { timeout }, body),
    skip: (name) => void test(name, { skip: true }),
    after,
  },
});
