import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { allPairs } from '../support/all-pairs.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { describeWithEtcd } from '../support/servers-needed.js';

const HOSTS = 60;
/** Generous: two processors may have much else to do. `npm run bench -- agents` measures it. */
const LIMIT_MS = 120_000;
/** Of the whole test: two such waits, and a lab that is made and removed. */
const TEST_MS = 4 * LIMIT_MS;

describeWithEtcd('many agents started at once on one etcd', () => {
  test(
    `${HOSTS} hosts get ${HOSTS} subnets, none ends, and every kernel has all others`,
    async () => {
      await using overlay = await OverlayLab.create({ hosts: HOSTS, backend: { Type: 'vxlan' }, store: 'etcd' });
      const { hosts } = overlay.lab;
      for (const host of hosts) overlay.start(host);
      await overlay.lab.waitReady({ timeoutMs: LIMIT_MS });
      await allPairs(hosts, 'vxlan', LIMIT_MS);
      const subnets = hosts.map(({ subnetFile }) => /FLANNEL_SUBNET=(\S+)/.exec(readFileSync(subnetFile, 'utf8'))?.[1]);
      expect(new Set(subnets).size).toBe(HOSTS);
      expect(hosts.map(({ agent }) => agent?.exit)).toEqual(hosts.map(() => undefined));
    },
    TEST_MS,
  );
});
