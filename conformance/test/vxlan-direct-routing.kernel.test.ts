import { backendConformance } from '@overlay/conformance/backend';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance } from './subjects/vxlan.js';

backendConformance({ ...conformance[1], ...agreesWithReport('vxlan', 'direct-routing'), framework: jestFramework });
