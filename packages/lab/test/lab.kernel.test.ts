import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Lab, LabOptions } from '@overlay/lab';
import { cameBack, createLab, removeLabs } from '@overlay/lab';
import { poll } from '../dist/system/poll.js';
import { describeKernel } from './support/kernel.js';
import { leftovers, NOTHING } from './support/leftovers.js';
import { openRunDirectory } from './support/run-directory.js';
import { setStaticRoutes, staticPodNetwork } from './support/static-routes.js';

let runDirectory: string;
let lab: Lab | undefined;
let made = 0;

/** Ids begin alike in this process and differ from those of every other, so that leftovers are told apart. */
const idPrefix = `t${process.pid}`;

async function open(options: LabOptions): Promise<Lab> {
  lab = await createLab({ runDirectory, name: `${idPrefix}-${++made}`, ...options });
  return lab;
}

async function withPods(options: LabOptions): Promise<Lab> {
  const opened = await open(options);
  const { families, mtu } = opened.topology;
  for (const host of opened.hosts) {
    await host.addPods(1, { network: staticPodNetwork(host.plan.index, families, mtu) });
  }
  return opened;
}

beforeAll(async () => {
  runDirectory = await openRunDirectory('lab');
});

afterEach(async () => {
  const ids = Array.from({ length: made }, (_, n) => `${idPrefix}-${n + 1}`);
  await lab?.close();
  lab = undefined;
  expect(leftovers(runDirectory, ids)).toEqual(NOTHING);
});

afterAll(async () => {
  await removeLabs(runDirectory);
  rmSync(runDirectory, { recursive: true });
});

describeKernel('createLab', () => {
  test('hosts have their underlay: addresses, a default route, loopback, the MTU', async () => {
    const { hosts } = await open({ hosts: 2, families: ['ipv4', 'ipv6'], mtu: 1400 });
    const { stdout } = await hosts[1].exec(['ip', '-j', 'address', 'show']);
    const links = JSON.parse(stdout) as {
      ifname: string;
      mtu: number;
      flags: string[];
      addr_info: { local: string }[];
    }[];
    const eth0 = links.find((link) => link.ifname === 'eth0');
    expect(links.find((link) => link.ifname === 'lo')?.flags).toContain('UP');
    expect(eth0).toMatchObject({ mtu: 1400, flags: expect.arrayContaining(['UP', 'LOWER_UP']) });
    expect(eth0?.addr_info.map(({ local }) => local)).toEqual(
      expect.arrayContaining(['192.168.77.12', 'fd77:77:77::12']),
    );
    for (const [flag, gateway] of [
      ['-4', '192.168.77.1'],
      ['-6', 'fd77:77:77::1'],
    ] as const) {
      const routes = JSON.parse(
        (await hosts[1].exec(['ip', flag, '-j', 'route', 'show', 'default'])).stdout,
      ) as object[];
      expect(routes).toEqual([expect.objectContaining({ dst: 'default', gateway, dev: 'eth0' })]);
    }
  });

  test('a name is used once at a time, and the first lab is not harmed', async () => {
    const { id, hosts } = await open({ hosts: 1 });
    await expect(createLab({ runDirectory, name: id, hosts: 1 })).rejects.toMatchObject({ code: 'OVERLAY_LAB_EXISTS' });
    await expect(hosts[0].exec(['ip', 'link', 'show', 'eth0'])).resolves.toMatchObject({ code: 0 });
  });

  test('stopped at any moment of its creation, nothing of it is left', async () => {
    // Each time a little later, until a creation is complete before its signal comes.
    for (let afterMs = 0, complete = false; !complete; afterMs += 15) {
      try {
        await (await open({ hosts: 3, signal: AbortSignal.timeout(afterMs) })).close();
        complete = true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'OVERLAY_ABORTED' });
      }
      expect(leftovers(runDirectory, [`${idPrefix}-${made}`])).toEqual(NOTHING);
    }
  });

  test('a creation that fails leaves nothing', async () => {
    const id = `${idPrefix}-${made + 1}`;
    const first = await open({ hosts: 1 });
    // The next lab's third namespace is there already.
    const next = `${idPrefix}-${made + 1}`;
    await first.hosts[0].exec(['ip', 'netns', 'add', `ovl-${next}-h2`]);
    await expect(open({ hosts: 2 })).rejects.toMatchObject({ code: 'OVERLAY_LAB_COMMAND' });
    await first.close();
    expect(leftovers(runDirectory, [id, next])).toEqual(NOTHING);
  });

  test('closing ends what runs in it, SIGTERM first, and can be repeated', async () => {
    const opened = await open({ hosts: 1 });
    const folder = mkdtempSync(path.join(tmpdir(), 'overlay-lab-logs-'));
    const start = (name: string, trap: string): { log: () => string; exited: Promise<unknown> } => {
      const logFile = path.join(folder, name);
      const script = `trap '${trap}' TERM; echo up; while :; do sleep 0.05; done`;
      const child = opened.hosts[0].spawn(['sh', '-c', script], { logFile });
      return {
        log: () => readFileSync(logFile, 'utf8'),
        exited: new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal))),
      };
    };
    try {
      const polite = start('polite', 'echo ended; exit 0');
      const stubborn = start('stubborn', '');
      const up = await poll(() => [polite, stubborn].every(({ log }) => log().startsWith('up')), { timeoutMs: 10_000 });
      expect(up).toBe(true);
      await Promise.all([opened.close(), opened.close()]);
      await opened.close();
      expect(await polite.exited).toBe(0);
      expect(polite.log()).toMatch(/^ended$/m);
      expect(await stubborn.exited).toBe('SIGKILL');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describeKernel('pods and pings, with static routes in place of an agent', () => {
  describe.each([
    ['flat', ['ipv4']],
    ['flat', ['ipv6']],
    ['flat', ['ipv4', 'ipv6']],
    ['routed', ['ipv4', 'ipv6']],
  ] as const)('%s %j', (underlay, families) => {
    test('every ping comes back, packets of full MTU size too', async () => {
      const opened = await withPods({ hosts: 3, underlay, families });
      await setStaticRoutes(opened);
      await expect(opened.waitConnected()).resolves.toEqual([]);
      const results = await opened.pingMatrix();
      // 3 pods to 2 others, 3 hosts to 3 pods and back, in each family.
      expect(results).toHaveLength((6 + 9 + 9) * families.length);
      expect(results.filter((result) => !cameBack(result))).toEqual([]);
      expect(results.every((result) => result.fullMtu.sent === 1 && (result.rttMs ?? 0) > 0)).toBe(true);
    });
  });

  test('without routes only what is on one host comes back', async () => {
    const opened = await withPods({ hosts: 2 });
    await expect(opened.waitConnected({ timeoutMs: 0 })).resolves.toHaveLength(1);
    const back = (await opened.pingMatrix({ count: 1 })).filter(cameBack);
    expect(back.map(({ pair }) => `${pair.from.name} ${pair.to.name}`).sort()).toEqual([
      'h1 h1p1',
      'h1p1 h1',
      'h2 h2p1',
      'h2p1 h2',
    ]);
  });

  test('an MTU that the underlay does not have is seen', async () => {
    const opened = await open({ hosts: 2 });
    for (const host of opened.hosts) {
      await host.addPods(1, { network: staticPodNetwork(host.plan.index, ['ipv4'], 1501) });
    }
    await setStaticRoutes(opened);
    const across = (await opened.pingMatrix()).filter(
      ({ pair }) => pair.kind === 'pod-pod' && pair.from.name[1] !== pair.to.name[1],
    );
    expect(across).toHaveLength(2);
    for (const result of across) {
      expect(result.received).toBe(result.sent);
      expect(result.fullMtu).toMatchObject({ sent: 1, received: 0, problem: expect.stringMatching(/mtu ?= ?1500/) });
    }
  });

  test('more pods come onto the bridge that is there', async () => {
    const opened = await withPods({ hosts: 1 });
    await opened.hosts[0].addPods(2, { network: staticPodNetwork(1, ['ipv4'], 1500) });
    expect(opened.pods.map(({ name, addresses }) => [name, addresses.ipv4])).toEqual([
      ['h1p1', '10.244.1.2'],
      ['h1p2', '10.244.1.3'],
      ['h1p3', '10.244.1.4'],
    ]);
    expect((await opened.pingMatrix({ count: 1 })).filter((result) => !cameBack(result))).toEqual([]);
  });

  test('pods need a subnet', async () => {
    const opened = await open({ hosts: 1 });
    await expect(opened.addPods()).rejects.toMatchObject({ code: 'OVERLAY_LAB_NOT_READY' });
  });
});

describeKernel('traffic', () => {
  test('throughput of TCP, and of UDP datagrams of full MTU size; a capture sees them', async () => {
    const opened = await withPods({ hosts: 2 });
    await setStaticRoutes(opened);
    const [a, b] = opened.pods;
    await using capture = await opened.capture(opened.hosts[0], 'eth0', 'udp and greater 1500');
    const tcp = await opened.throughput(a, b, { seconds: 1 });
    expect(tcp).toMatchObject({ lostPercent: null, retransmits: expect.any(Number) });
    expect(tcp.mbps).toBeGreaterThan(1);
    const udp = await opened.throughput(a, b, {
      protocol: 'udp',
      seconds: 1,
      bitrate: '10M',
      length: 1472,
      dontFragment: true,
    });
    expect(udp.retransmits).toBeNull();
    expect(udp.mbps).toBeGreaterThan(1);
    await capture.until(/IP 10\.244\.1\.2\.\d+ > 10\.244\.2\.2\.5201: UDP, length 1472/);
    await capture.stop();
    await expect(capture.text(['-v', '-c', '1'])).resolves.toMatch(/flags \[DF\]/);
  });

  test('a throughput that cannot be measured says why', async () => {
    const opened = await withPods({ hosts: 2 });
    const [a, b] = opened.pods;
    await expect(opened.throughput(a, b, { family: 'ipv6' })).rejects.toMatchObject({
      code: 'OVERLAY_LAB_THROUGHPUT',
      message: 'throughput from h1p1 to h2p1: h2p1 has no ipv6 address',
    });
    await a.exec(['ip', 'link', 'set', 'eth0', 'down']);
    await expect(opened.throughput(a, b)).rejects.toMatchObject({
      code: 'OVERLAY_LAB_THROUGHPUT',
      message: expect.stringContaining('iperf3: '),
    });
    await expect(opened.throughput(a, b, { seconds: 0.5 })).rejects.toMatchObject({ code: 'OVERLAY_LAB_OPTION' });
  });

  test('a capture that cannot start says why, and one that sees nothing too', async () => {
    const opened = await open({ hosts: 1 });
    const [host] = opened.hosts;
    await expect(opened.capture(host, 'eth7')).rejects.toMatchObject({
      code: 'OVERLAY_LAB_CAPTURE',
      message: expect.stringContaining('eth7'),
    });
    await expect(opened.capture(host, 'eth0', 'no filter')).rejects.toMatchObject({ code: 'OVERLAY_LAB_CAPTURE' });
    await using capture = await opened.capture(host, 'eth0', 'port 9');
    await expect(capture.until(/./, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'OVERLAY_LAB_CAPTURE',
      message: expect.stringContaining('no packet'),
    });
  });
});
