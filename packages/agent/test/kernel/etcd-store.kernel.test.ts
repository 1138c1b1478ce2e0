import { expect, test } from '@jest/globals';
import type { Family } from '@overlay/core';
import { cameBack, ETCD_PREFIX } from '@overlay/lab';
import type { LabHost, LabReport } from '@overlay/lab';
import { describeWithEtcd } from '../support/servers-needed.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';

const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  ipv4: ['ipv4'],
  ipv6: ['ipv6'],
  dual: ['ipv4', 'ipv6'],
};

/** `10.244.7.0/24` from `10.244.7.2`, as flannel writes it into a key. */
function subnetName(podAddress: string | undefined, family: Family): string | undefined {
  if (podAddress === undefined) return undefined;
  return family === 'ipv4' ? podAddress.replace(/\.\d+$/, '.0-24') : podAddress.replace(/::2$/, '::-64');
}

async function mac(overlay: OverlayLab, host: LabHost, device: string): Promise<string> {
  const [link] = await overlay.objects(host, `link show ${device}`);
  return String(link.address);
}

/** The name of a host's lease, by what its pods have. */
function leaseName(host: LabHost): string {
  const { ipv4, ipv6 } = host.pods[0].addresses;
  const [name4, name6] = [subnetName(ipv4, 'ipv4'), subnetName(ipv6, 'ipv6')];
  return name6 === undefined ? String(name4) : `${name4 ?? '0.0.0.0-0'}&${name6}`;
}

/**
 * The value that flanneld would write for a host, its members in its order. Of udp it says no type; how our host receives,
 * which flanneld passes over, stands beside.
 */
async function leaseValue(overlay: OverlayLab, host: LabHost, type: string): Promise<string> {
  const { ipv4, ipv6 } = host.addresses;
  const member = async (name: string, device: string): Promise<string> =>
    `,"${name}":{"VNI":1,"VtepMAC":"${await mac(overlay, host, device)}"}`;
  const data4 = type === 'vxlan' && ipv4 !== undefined ? await member('BackendData', 'flannel.1') : '';
  const data6 = type === 'vxlan' && ipv6 !== undefined ? await member('BackendV6Data', 'flannel-v6.1') : '';
  const publicIPv6 = ipv6 === undefined ? 'null' : `"${ipv6}"`;
  if (type === 'udp') return `{"PublicIP":"${ipv4}","PublicIPv6":null,"BackendData":{"DataPath":"…"}}`;
  return `{"PublicIP":"${ipv4 ?? '0.0.0.0'}","PublicIPv6":${publicIPv6},"BackendType":"${type}"${data4}${data6}}`;
}

describeWithEtcd('three hosts on etcd', () => {
  test.each([
    ['vxlan', 'ipv4'],
    ['vxlan', 'dual'],
    ['vxlan', 'ipv6'],
    ['host-gw', 'ipv4'],
    ['host-gw', 'dual'],
    ['host-gw', 'ipv6'],
    ['udp', 'ipv4'],
  ])('%s, %s: keys and values are flannel’s, byte for byte, and all pods reach each other', async (type, families) => {
    await using overlay = await OverlayLab.create({
      hosts: 3,
      families: FAMILIES[families],
      backend: { Type: type },
      store: 'etcd',
    });
    await overlay.startAll();
    const results = await overlay.lab.pingMatrix({ count: 1 });
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter((result) => !cameBack(result))).toEqual([]);

    const wanted = await Promise.all(
      overlay.lab.hosts.map(async (host) => ({
        key: `${ETCD_PREFIX}/subnets/${leaseName(host)}`,
        value: await leaseValue(overlay, host, type),
      })),
    );
    const keys = await overlay.etcd.keys();
    // The text without a slash is what flanneld watches: nothing else may be there.
    const watched = keys.filter(({ key }) => key.startsWith(`${ETCD_PREFIX}/subnets`));
    // The data path is the one that this machine's kernel permits.
    const general = (value: string): string => value.replace(/"DataPath":"(kernel|user)"/, '"DataPath":"…"');
    expect(watched.map(({ key, value }) => ({ key, value: general(value) }))).toEqual(
      wanted.sort((a, b) => Buffer.from(a.key).compare(Buffer.from(b.key))),
    );
    for (const { lease } of watched) {
      expect(await overlay.etcd.ctl(['lease', 'timetolive', lease])).toContain('granted with TTL(86400s)');
    }
    const others = keys.filter((each) => !watched.includes(each)).map(({ key }) => key.slice(ETCD_PREFIX.length));
    expect(others.filter((key) => !key.startsWith('/overlay/ipv6/'))).toEqual([
      '/config',
      '/overlay/hosts/h1',
      '/overlay/hosts/h2',
      '/overlay/hosts/h3',
    ]);
  });
});

describeWithEtcd('overlay lab --store etcd', () => {
  test('runs etcd beside the hosts, and says so', async () => {
    const { code, stdout } = await run({ name: 'overlay', args: ['lab', '--store=etcd', '--hosts=2', '--json'] });
    const report = JSON.parse(stdout) as LabReport;
    expect(report).toMatchObject({ ok: true, store: 'etcd', backend: 'vxlan' });
    expect(code).toBe(0);
  });
});
