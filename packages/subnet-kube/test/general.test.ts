import { fileURLToPath } from 'node:url';
import { afterAll, describe, test } from '@jest/globals';
import { VERSIONS } from '@overlay/conformance';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { conformance } from './conformance.js';
import { describeWithKubernetes } from './support/server-programs.js';

const kept = new URL(`../../../conformance/reports/${VERSIONS.core}/subnet-kube/default-report.yaml`, import.meta.url);

describeWithKubernetes('general tests', () => {
  subnetManagerConformance({
    ...conformance[0],
    framework: {
      describe,
      test: (name, body, timeoutMs) => test(name, body, timeoutMs),
      skip: (name) => test.skip(name, () => undefined),
      after: (body) => afterAll(body),
    },
    report: { agreesWith: fileURLToPath(kept) },
  });
});
