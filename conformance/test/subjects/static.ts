import type { SubnetManagerSubject } from '@overlay/conformance/subnet-manager';
import { ours } from './makers.js';
import { staticStore } from './static-store.js';

export const conformance: readonly SubnetManagerSubject[] = [
  {
    implementation: ours('core StaticSubnetManager'),
    environment: 'memory',
    supports: { chooses: true, persistent: false, reserves: false, tellsRivals: false, confirms: false },
    create: async () => staticStore(),
  },
];
