import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import type { DefaultRoute } from '../../dist/host/index.js';
import {
  isInitialNamespace,
  neighbourLimits,
  prepareDevice,
  prepareForwarding,
  raiseNeighbourLimits,
  Sysctl,
} from '../../dist/sysctl/index.js';
import { MemoryFiles } from './memory-files.js';

const FORWARD = 'net/ipv4/ip_forward';
const FORWARD6 = 'net/ipv6/conf/all/forwarding';
const acceptRa = (device: string): string => `net/ipv6/conf/${device}/accept_ra`;

const over = (protocol: number, ...indexes: number[]): DefaultRoute => ({
  family: 'ipv6',
  metric: 1024,
  protocol,
  nexthops: indexes.map((index) => ({ index, dead: false })),
});

describe('Sysctl', () => {
  test('raises what is too low, and says the old and the new value', async () => {
    const files = new MemoryFiles({ [FORWARD]: 0 });
    const lines: unknown[] = [];
    const logger = { ...silentLogger, info: (message: string, fields?: object) => lines.push([message, fields]) };
    const outcome = await new Sysctl({ files, logger }).raise(FORWARD, 1);
    expect(outcome).toEqual({ key: FORWARD, result: 'changed', previous: '0', value: '1' });
    expect(files.writes).toEqual([`${FORWARD}=1`]);
    expect(lines).toEqual([['changed a kernel setting', { key: FORWARD, from: '0', to: '1' }]]);
  });

  test('never lowers, and does not write what is sufficient', async () => {
    const files = new MemoryFiles({ 'net/core/somaxconn': 4096 });
    const sysctl = new Sysctl({ files });
    expect(await sysctl.raise('net/core/somaxconn', 128)).toMatchObject({ result: 'sufficient', value: '4096' });
    expect(await sysctl.set('net/core/somaxconn', 4096)).toMatchObject({ result: 'sufficient' });
    expect(files.writes).toEqual([]);
  });

  test('off leaves everything alone and tells what was needed', async () => {
    const files = new MemoryFiles({ [FORWARD]: 0 });
    expect(await new Sysctl({ files, mode: 'off' }).raise(FORWARD, 1)).toEqual({
      key: FORWARD,
      result: 'left',
      previous: '0',
      value: '1',
    });
    expect(files.writes).toEqual([]);
  });

  test('a setting that the kernel does not have is absent', async () => {
    expect(await new Sysctl({ files: new MemoryFiles({}) }).raise(FORWARD, 1)).toMatchObject({ result: 'absent' });
  });

  test('a refused write is an error with the remedy', async () => {
    const sysctl = new Sysctl({ files: new MemoryFiles({ [FORWARD]: 0 }, [FORWARD]) });
    await expect(sysctl.raise(FORWARD, 1)).rejects.toMatchObject({
      code: 'OVERLAY_SYSCTL_FAILED',
      message:
        'cannot change the kernel setting net/ipv4/ip_forward from 0 to 1: EROFS: read-only file system, open; ' +
        'set it outside, with: sysctl -w net/ipv4/ip_forward=1',
    });
  });

  test.each(['kernel/panic', 'net', 'net/../kernel/panic', 'net//x', '/net/ipv4/ip_forward', 'net/ipv4/a b'])(
    'refuses the key %j',
    async (key) => {
      await expect(new Sysctl({ files: new MemoryFiles({}) }).read(key)).rejects.toThrow(TypeError);
    },
  );
});

describe('prepareForwarding', () => {
  const names = new Map([
    [2, 'eth0'],
    [3, 'eth1'],
  ]);

  test('switches on what is needed', async () => {
    const files = new MemoryFiles({ [FORWARD]: 0, [FORWARD6]: 0 });
    const options = { ipv4: true, ipv6: true, defaultRoutes: [], names };
    expect(await prepareForwarding(new Sysctl({ files }), options)).toEqual([]);
    expect(files.writes).toEqual([`${FORWARD}=1`, `${FORWARD6}=1`]);
    await prepareForwarding(new Sysctl({ files }), options);
    expect(files.writes).toHaveLength(2);
  });

  test('keeps router advertisements before IPv6 forwarding is on, where they gave the default route', async () => {
    const files = new MemoryFiles({ [FORWARD6]: 0, [acceptRa('eth0')]: 1, [acceptRa('eth1')]: 1 });
    await prepareForwarding(new Sysctl({ files }), {
      ipv4: false,
      ipv6: true,
      defaultRoutes: [over(9, 2), over(3, 3)],
      names,
    });
    expect(files.writes).toEqual([`${acceptRa('eth0')}=2`, `${FORWARD6}=1`]);
  });

  test('does not take advertisements away from the program that handles them', async () => {
    const files = new MemoryFiles({ [FORWARD6]: 0, [acceptRa('eth0')]: 0, [acceptRa('eth1')]: 2 });
    await prepareForwarding(new Sysctl({ files }), { ipv4: false, ipv6: true, defaultRoutes: [over(9, 2, 3)], names });
    expect(files.writes).toEqual([`${FORWARD6}=1`]);
  });

  test('does not switch IPv6 forwarding on when that would cost the default route', async () => {
    const files = new MemoryFiles({ [FORWARD]: 0, [FORWARD6]: 0, [acceptRa('eth0')]: 1 }, [acceptRa('eth0')]);
    const findings = await prepareForwarding(new Sysctl({ files }), {
      ipv4: true,
      ipv6: true,
      defaultRoutes: [over(9, 2)],
      names,
    });
    expect(files.writes).toEqual([`${FORWARD}=1`]);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      level: 'error',
      check: 'sysctl',
      remedy: `run: sysctl -w ${acceptRa('eth0')}=2`,
    });
    expect(findings[0]?.message).toContain('IPv6 forwarding is not switched on');
  });

  test('with settings left alone, says what stands in the way', async () => {
    const files = new MemoryFiles({ [FORWARD]: 0 });
    expect(
      await prepareForwarding(new Sysctl({ files, mode: 'off' }), {
        ipv4: true,
        ipv6: false,
        defaultRoutes: [],
        names,
      }),
    ).toEqual([
      {
        level: 'error',
        check: 'sysctl',
        message: 'net/ipv4/ip_forward is 0, but should be 1: otherwise the host drops packets to and from its pods',
        remedy: 'run: sysctl -w net/ipv4/ip_forward=1',
      },
    ]);
    expect(files.writes).toEqual([]);
  });
});

describe('prepareDevice', () => {
  const device = (values: {
    readonly all: number;
    readonly own: number;
    readonly ra?: number;
    readonly forwarding?: number;
  }) =>
    new MemoryFiles({
      'net/ipv4/conf/all/rp_filter': values.all,
      'net/ipv4/conf/flannel.1/rp_filter': values.own,
      'net/ipv4/conf/flannel.1/forwarding': values.forwarding ?? 1,
      [acceptRa('flannel.1')]: values.ra ?? 0,
    });

  test.each([
    { all: 0, own: 0, writes: [] },
    { all: 1, own: 0, writes: ['net/ipv4/conf/flannel.1/rp_filter=2'] },
    { all: 0, own: 1, writes: ['net/ipv4/conf/flannel.1/rp_filter=2'] },
    { all: 1, own: 1, writes: ['net/ipv4/conf/flannel.1/rp_filter=2'] },
    { all: 2, own: 1, writes: [] },
    { all: 1, own: 2, writes: [] },
  ])('rp_filter with all=$all and device=$own', async ({ all, own, writes }) => {
    const files = device({ all, own });
    expect(await prepareDevice(new Sysctl({ files }), 'flannel.1')).toEqual([]);
    expect(files.writes).toEqual(writes);
  });

  test('refuses router advertisements and forwards', async () => {
    const files = device({ all: 0, own: 0, ra: 1, forwarding: 0 });
    await prepareDevice(new Sysctl({ files }), 'flannel.1');
    expect(files.writes).toEqual([`${acceptRa('flannel.1')}=0`, 'net/ipv4/conf/flannel.1/forwarding=1']);
  });
});

describe('raiseNeighbourLimits', () => {
  const limits = (family: string, first: number, second: number, third: number): Record<string, number> => ({
    [`net/${family}/neigh/default/gc_thresh1`]: first,
    [`net/${family}/neigh/default/gc_thresh2`]: second,
    [`net/${family}/neigh/default/gc_thresh3`]: third,
  });

  test.each([
    [0, 128],
    [128, 128],
    [129, 256],
    [5000, 8192],
    [50_000, 65_536],
  ])('for %i peers nothing is collected below %i', (peers, first) => {
    expect(neighbourLimits(peers)).toEqual({ first, second: 2 * first, third: 4 * first });
  });

  test('leaves the kernel’s defaults for a small cluster', async () => {
    const files = new MemoryFiles(limits('ipv4', 128, 512, 1024));
    await raiseNeighbourLimits(new Sysctl({ files }), 128, ['ipv4']);
    expect(files.writes).toEqual([]);
  });

  test('raises from the top, each family by itself, and keeps what is higher', async () => {
    const files = new MemoryFiles({ ...limits('ipv4', 128, 512, 1024), ...limits('ipv6', 128, 512, 100_000) });
    await raiseNeighbourLimits(new Sysctl({ files }), 1000, ['ipv4', 'ipv6']);
    expect(files.writes).toEqual([
      'net/ipv4/neigh/default/gc_thresh3=4096',
      'net/ipv4/neigh/default/gc_thresh2=2048',
      'net/ipv4/neigh/default/gc_thresh1=1024',
      'net/ipv6/neigh/default/gc_thresh2=2048',
      'net/ipv6/neigh/default/gc_thresh1=1024',
    ]);
  });

  test('does nothing where the limits are not: outside the initial namespace', async () => {
    const sysctl = new Sysctl({ files: new MemoryFiles({ [FORWARD]: 1 }) });
    expect(await isInitialNamespace(sysctl)).toBe(false);
    expect(await raiseNeighbourLimits(sysctl, 1000, ['ipv4', 'ipv6'])).toEqual([]);
  });
});
