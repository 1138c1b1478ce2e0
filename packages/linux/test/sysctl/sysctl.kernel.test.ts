import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { netnsProcFiles } from '../../dist/proc/index.js';
import {
  isInitialNamespace,
  prepareDevice,
  prepareForwarding,
  raiseNeighbourLimits,
  Sysctl,
} from '../../dist/sysctl/index.js';
import { TestHost } from '../host/test-host.js';

let host: TestHost;
let sysctl: Sysctl;

beforeEach(async () => {
  host = await TestHost.create('sysctl');
  sysctl = new Sysctl({ files: netnsProcFiles(host.path) });
});

afterEach(() => host.remove());

const inHost = async (key: string): Promise<string> => (await host.run('cat', `/proc/sys/${key}`)).trim();

describe('settings of another network namespace', () => {
  test('forwarding goes on there and nowhere else', async () => {
    const own = await new Sysctl().read('net/ipv6/conf/all/forwarding');
    expect(await inHost('net/ipv6/conf/all/forwarding')).toBe('0');
    const options = { ipv4: true, ipv6: true, defaultRoutes: [], names: new Map<number, string>() };
    expect(await prepareForwarding(sysctl, options)).toEqual([]);
    expect(await inHost('net/ipv4/ip_forward')).toBe('1');
    expect(await inHost('net/ipv6/conf/all/forwarding')).toBe('1');
    expect(await new Sysctl().read('net/ipv6/conf/all/forwarding')).toBe(own);
  });

  test('accept_ra of the interface with the advertised route is 2 once forwarding is on', async () => {
    await host.ip('link add eth0.1 type veth peer name peer0');
    await host.ip('link set eth0.1 up');
    expect(await inHost('net/ipv6/conf/eth0.1/accept_ra')).toBe('1');
    const index = Number(/^(\d+): eth0\.1/m.exec(await host.ip('-o link'))?.[1]);
    await prepareForwarding(sysctl, {
      ipv4: false,
      ipv6: true,
      defaultRoutes: [{ family: 'ipv6', metric: 1024, protocol: 9, nexthops: [{ index, dead: false }] }],
      names: new Map([[index, 'eth0.1']]),
    });
    expect(await inHost('net/ipv6/conf/eth0.1/accept_ra')).toBe('2');
    expect(await inHost('net/ipv6/conf/peer0/accept_ra')).toBe('1');
    expect(await inHost('net/ipv6/conf/eth0.1/forwarding')).toBe('1');
  });

  test('a device of the overlay takes no advertisements, and loosely checks the reverse path when all do strictly', async () => {
    await host.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.default.forwarding=0');
    await host.ip('link add flannel.1 type vxlan id 1 dstport 8472');
    expect(await prepareDevice(sysctl, 'flannel.1')).toEqual([]);
    expect(await inHost('net/ipv6/conf/flannel.1/accept_ra')).toBe('0');
    expect(await inHost('net/ipv4/conf/flannel.1/rp_filter')).toBe('2');
    expect(await inHost('net/ipv4/conf/flannel.1/forwarding')).toBe('1');
    expect(await inHost('net/ipv4/conf/all/rp_filter')).toBe('1');
  });

  test('a device that is not there has no settings, and that is no finding', async () => {
    expect(await prepareDevice(sysctl, 'nothere0')).toEqual([]);
  });

  test('the machine’s limits are not within its reach', async () => {
    expect(await isInitialNamespace(sysctl)).toBe(false);
    expect(await raiseNeighbourLimits(sysctl, 100_000, ['ipv4', 'ipv6'])).toEqual([]);
  });

  test('a namespace that is gone is an error, not a kernel without settings', async () => {
    const gone = new Sysctl({ files: netnsProcFiles('/run/netns/ovt-nowhere') });
    await expect(gone.raise('net/ipv4/ip_forward', 1)).rejects.toMatchObject({ code: 'OVERLAY_SYSCTL_FAILED' });
  });

  test('a value that the kernel does not take is an error with the remedy', async () => {
    await expect(sysctl.set('net/ipv4/conf/all/rp_filter', 'strict')).rejects.toMatchObject({
      code: 'OVERLAY_SYSCTL_FAILED',
      message: expect.stringContaining('sysctl -w net/ipv4/conf/all/rp_filter=strict'),
    });
  });
});
