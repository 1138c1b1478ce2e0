import { backendConformance } from '@overlay/conformance/backend';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/udp.js';

backendConformance({ ...conformance[1], ...agreesWithReport('udp', 'user'), framework: jestFramework });
