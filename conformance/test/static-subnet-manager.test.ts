import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/static.js';

subnetManagerConformance({ ...conformance[0], ...agreesWithReport('static'), framework: jestFramework });
