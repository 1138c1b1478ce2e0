import { fileURLToPath } from 'node:url';
import { afterAll, describe, test } from '@jest/globals';
import { VERSIONS } from '@overlay/conformance';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { conformance } from './conformance.js';
import { describeWithEtcd } from './support/etcd-binaries.js';

const kept = new URL(`../../../conformance/reports/${VERSIONS.core}/subnet-etcd/default-report.yaml`, import.meta.url);

describeWithEtcd('general tests', () => {
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
