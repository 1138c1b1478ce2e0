import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { FAMILIES, makePlan } from '@overlay/core';
import type { FamilyChoice } from '../environment/conf.js';
import { confOf } from '../environment/conf.js';
import type { BackendTest } from '../context.js';
import type { BackendFeature } from '../features.js';
import { BACKEND_FEATURES, untold } from '../features.js';

/** Those by which an agent judges a configuration before it makes a backend. */
const FIXED = ['ipv4', 'ipv6', 'dualStack', 'crossesSubnets'] as const;

function refuses(family: FamilyChoice, features: readonly BackendFeature[], lacks: BackendFeature): BackendTest {
  return {
    id: `refuse-${family}`,
    title: `a configuration with families that it does not carry is refused, and the key is named: ${family}`,
    features,
    lacks: [lacks],
    needs: [],
    run: async ({ inspect, type, options }) => {
      const netConf = confOf(type, options, family);
      inspect((factory) => {
        const planning = (): unknown => makePlan([factory], { netConf, hostId: 'h1' });
        throws(planning, { code: 'OVERLAY_NOT_SUPPORTED', key: family === 'ipv4' ? 'EnableIPv4' : 'EnableIPv6' });
      });
    },
  };
}

export const declaring: readonly BackendTest[] = [
  {
    id: 'declares',
    title: 'it says what it can do, and nothing that has no meaning',
    features: [],
    needs: [],
    run: async ({ inspect, options, widest }) => {
      inspect((factory) => {
        const { type, supports } = factory;
        match(type, /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'the type, as Backend.Type is written');
        const said = Object.entries(supports) as (readonly [string, unknown])[];
        const known: readonly string[] = BACKEND_FEATURES;
        deepEqual(
          said.filter(([feature]) => !known.includes(feature)),
          [],
          `features that there are: ${known.join(', ')}`,
        );
        ok(supports.ipv4 || supports.ipv6, 'it carries no family at all');
        ok(!supports.dualStack || (supports.ipv4 && supports.ipv6), 'both families at once, but not each of them');
        const backend = factory.create({ netConf: confOf(type, options, widest), hostId: 'h1' });
        equal(backend.type, type);
        deepEqual(untold(backend.supports), [], 'features of the backend that are neither true nor false');
        const claimed = Object.keys(backend.supports) as BackendFeature[];
        deepEqual(
          claimed.filter((feature) => backend.supports[feature] && !supports[feature]),
          [],
          'features that the backend has, and its factory has not',
        );
        deepEqual(
          FIXED.filter((feature) => backend.supports[feature] !== supports[feature]),
          [],
          'features of which the backend says otherwise than its factory, and may not',
        );
        match(backend.endpointId ?? type, /^[\x21-\x7e]{1,128}$/, 'the endpoint id');
        equal((backend.endpointId ?? type).split('/')[0], type, 'the endpoint id begins with the type');
        for (const option of backend.liveOptions ?? []) {
          match(option, /^[A-Za-z][A-Za-z0-9]*$/, 'a live option, as it is written in Backend');
          ok(option.toLowerCase() !== 'type', 'another type moves traffic');
        }
        ok([true, false, undefined].includes(backend.reopensInPlace), 'reopensInPlace is neither true nor false');
        for (const family of FAMILIES) {
          const bytes = backend.overhead(family);
          ok(Number.isInteger(bytes) && bytes >= 0 && bytes < 256, `overhead over ${family}: ${bytes}`);
        }
      });
    },
  },
  {
    id: 'attributes-stable',
    title: 'a host publishes its type and addresses, and the same when it is asked again',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 1 });
      const host = world.host(1);
      const first = await host.attributes('own');
      // Types that publish none, as flannel's udp.
      ok([context.type, ''].includes(first.backendType), first.backendType);
      for (const family of world.families) equal(first[family]?.publicIP, host.machine.addresses[family]);
      deepEqual(await host.attributes('own'), first, 'asked again');
      deepEqual(JSON.parse(JSON.stringify(first)), first, 'as JSON it is something else');
    },
  },
  refuses('ipv4', [], 'ipv4'),
  refuses('ipv6', [], 'ipv6'),
  refuses('dual', ['ipv4', 'ipv6'], 'dualStack'),
];
