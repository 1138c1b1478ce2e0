import { backendConformance } from '@overlay/conformance/backend';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/host-gw.js';

backendConformance({ ...conformance[0], ...agreesWithReport('host-gw'), framework: jestFramework });
