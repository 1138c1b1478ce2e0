// The suite in mocha.
import { backendConformance } from '@overlay/conformance/backend';
import mocha from 'mocha';
import { run } from './subject.mjs';

const { after, describe, it } = mocha;

backendConformance({
  ...run,
  framework: {
    describe: (name, body) => void describe(name, body),
    test: (name, body, timeoutMs) => void it(name, body).timeout(timeoutMs),
    skip: (name) => void it.skip(name),
    after,
  },
});
