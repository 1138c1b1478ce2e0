import type { Profile } from '../suite/profile.js';
import { acquiring } from './cases/acquiring.js';
import { endings } from './cases/endings.js';
import { watching } from './cases/watching.js';
import type { SubnetManagerTest } from './context.js';

const all: readonly SubnetManagerTest[] = [...acquiring, ...watching, ...endings];
/** Tests of what a subnet manager may do. */
const optional = new Set(['acquire-reserved', 'rivals-told', 'confirmed-always', 'confirmed-at']);
const isRestart = ({ features }: SubnetManagerTest): boolean => features.includes('persistent');
const isOptional = ({ id }: SubnetManagerTest): boolean => optional.has(id);

/** What is tested of a subnet manager. */
export const SUBNET_MANAGER_PROFILES: readonly Profile<SubnetManagerTest>[] = [
  {
    name: 'Core',
    description: 'every host gets a subnet of its own, everybody learns of every lease, and it ends when told',
    core: all.filter((test) => !isRestart(test) && !isOptional(test)),
    extended: all.filter((test) => !isRestart(test) && isOptional(test)),
  },
  {
    name: 'Restart',
    description: 'a host that comes back finds its lease, and the configuration may have changed meanwhile',
    core: all.filter((test) => isRestart(test) && !isOptional(test)),
    extended: all.filter((test) => isRestart(test) && isOptional(test)),
  },
];
