import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Finding } from '@overlay/core';
import { OverlayLab } from '../support/overlay-lab.js';
import { Underlay } from '../support/underlay.js';
import { until } from '../support/until.js';

test('pods above a lowered MTU are named in the status and in one line, those that came after it are not', async () => {
  await using overlay = await OverlayLab.create({ hosts: 2, families: ['ipv4', 'ipv6'], backend: { Type: 'vxlan' } });
  await overlay.startAll();
  const host = overlay.host(0);
  const underlay = new Underlay(overlay.lab, host);
  const findings = async (): Promise<string[]> => {
    const { findings: all } = (await overlay.status(host)) as { findings: readonly Finding[] };
    return all.filter(({ check }) => check === 'mtu-lowered').map(({ message }) => message);
  };
  const [pod] = host.pods;
  expect(await findings()).toEqual([]);

  await underlay.setMtu(1400);
  const text =
    '1 pod of this host has an MTU above the 1330 that the network has left: ' + `${pod.addresses.ipv4} (vethp1, 1430)`;
  await until(async () => (await findings()).includes(text), 'the pod is named');
  await until(() => readFileSync(host.subnetFile, 'utf8').includes('FLANNEL_MTU=1330\n'), 'subnet.env has the MTU');
  await host.addPods(1);
  await underlay.setMtu(1390);
  const both =
    '2 pods of this host have an MTU above the 1320 that the network has left: ' +
    `${pod.addresses.ipv4} (vethp1, 1430), ${host.pods[1]?.addresses.ipv4} (vethp2, 1330)`;
  await until(async () => (await findings()).includes(both), 'both pods are named');
  // What counts is the pod's own interface.
  for (const each of host.pods) await each.exec(['ip', 'link', 'set', 'eth0', 'mtu', '1310']);
  await underlay.setMtu(1395);
  await until(async () => (await findings()).length === 0, 'nobody is named');
  const log = readFileSync(host.logFile, 'utf8');
  for (const line of [text, both]) expect(log.split(line)).toHaveLength(2);
  expect(log).toContain('no pod has an MTU above 1325 any more');
}, 60_000);
