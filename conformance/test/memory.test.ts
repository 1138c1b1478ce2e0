import { backendConformance } from '@overlay/conformance/backend';
import { agreesWithReport } from './agrees.js';
import { jestFramework } from './jest-framework.js';
import { conformance, profiles } from './subjects/memory.js';

backendConformance({ ...conformance[0], ...agreesWithReport('memory'), framework: jestFramework, profiles });
