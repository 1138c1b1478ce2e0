import { ok } from 'node:assert/strict';
import { errorText } from '@overlay/core';
import { requireTools } from '@overlay/lab';
import { blocked } from '../../suite/test-record.js';
import type { BackendTest } from '../context.js';

/** Of what hosts carry without the overlay, the part below which something must be wrong: each packet copied by hand. */
const LEAST_SHARE = 0.02;
const MEASURE_S = 1;
/** A second in which TCP waited for a lost packet, or the machine for something else, says nothing of the backend. */
const ATTEMPTS = 3;

export const performanceTests: readonly BackendTest[] = [
  {
    id: 'throughput-share',
    title: 'pods carry at least a fiftieth of what their hosts do, over TCP',
    features: [],
    needs: ['netns'],
    run: async (context) => {
      try {
        requireTools(['iperf3']);
      } catch (error) {
        return blocked(errorText(error));
      }
      const world = await context.world({ hosts: 2 });
      await world.join();
      const [a, b] = [world.namespaces(world.host(1)), world.namespaces(world.host(2))];
      for (const family of world.families) {
        const options = { family, seconds: MEASURE_S };
        let share = 0;
        let shown = '';
        for (let attempt = 1; share < LEAST_SHARE && attempt <= ATTEMPTS; attempt++) {
          const direct = await world.lab.throughput(a.host, b.host, options);
          const through = await world.lab.throughput(a.pod, b.pod, options);
          share = through.mbps / direct.mbps;
          shown = `${Math.round(through.mbps)} of ${Math.round(direct.mbps)} Mbit/s`;
        }
        ok(share >= LEAST_SHARE, `${family}: pods carry ${shown} between hosts, measured ${ATTEMPTS} times`);
      }
      return undefined;
    },
  },
];
