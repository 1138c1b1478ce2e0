import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/subnet-local.js';

subnetManagerConformance({ ...conformance[0], ...agreesWithReport('subnet-local'), framework: jestFramework });
