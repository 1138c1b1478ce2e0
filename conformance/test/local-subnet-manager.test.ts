import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/subnet-local.js';

for (const subject of conformance) {
  subnetManagerConformance({ ...subject, ...agreesWithReport('subnet-local', subject.mode), framework: jestFramework });
}
