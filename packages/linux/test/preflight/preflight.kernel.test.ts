import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openNetlink } from '../../dist/netlink/index.js';
import {
  checkForwardPolicy,
  checkIpv6,
  checkLinkKind,
  checkPrivileges,
  checkReversePath,
  checkUdpPort,
  netnsRunTool,
} from '../../dist/preflight/index.js';
import type { PreflightContext } from '../../dist/preflight/index.js';
import type { ProcFiles } from '../../dist/proc/index.js';
import { netnsProcFiles } from '../../dist/proc/index.js';
import { TestHost } from '../host/test-host.js';

let host: TestHost;
let context: PreflightContext;

beforeEach(async () => {
  host = await TestHost.create('preflight');
  context = { signal: new AbortController().signal, files: netnsProcFiles(host.path), run: netnsRunTool(host.path) };
});

afterEach(() => host.remove());

/** Files that all have the same content. */
const only = (text: string | undefined): ProcFiles => ({
  read: () => Promise.resolve(text),
  write: () => Promise.reject(new Error('a check wrote something')),
});

const BOTH = ['ipv4', 'ipv6'] as const;

describe('checkForwardPolicy', () => {
  test('finds nothing on a host without a firewall, and leaves none behind', async () => {
    expect(await checkForwardPolicy(context, BOTH)).toEqual([]);
    expect((await host.run('nft', 'list', 'ruleset')).trim()).toBe('');
    expect(await host.run('cat', '/proc/self/net/ip_tables_names')).toBe('');
  });

  test('finds a policy that iptables set through nftables, for the family that has it', async () => {
    await host.run('iptables-nft', '-P', 'FORWARD', 'DROP');
    expect(await checkForwardPolicy(context, BOTH)).toEqual([
      expect.objectContaining({
        level: 'warning',
        check: 'forward-policy',
        message:
          'the policy of chain FORWARD of table ip filter is drop: packets of pods pass only if a rule accepts them',
      }),
    ]);
    expect(await checkForwardPolicy(context, ['ipv6'])).toEqual([]);
    await host.run('iptables-nft', '-P', 'FORWARD', 'ACCEPT');
    expect(await checkForwardPolicy(context, BOTH)).toEqual([]);
  });

  test('finds a policy of the legacy tables', async () => {
    await host.run('iptables-legacy', '-P', 'FORWARD', 'DROP');
    await host.run('ip6tables-legacy', '-P', 'FORWARD', 'DROP');
    const findings = await checkForwardPolicy(context, BOTH);
    expect(findings.map(({ message }) => message)).toEqual([
      'the policy of FORWARD (iptables-legacy) is DROP: IPv4 packets of pods pass only if a rule accepts them',
      'the policy of FORWARD (ip6tables-legacy) is DROP: IPv6 packets of pods pass only if a rule accepts them',
    ]);
  });

  test('without nft asks its iptables front end', async () => {
    await host.run('ip6tables-nft', '-P', 'FORWARD', 'DROP');
    const run: PreflightContext['run'] = (program, args, options) =>
      program === 'nft' ? Promise.resolve(undefined) : netnsRunTool(host.path)(program, args, options);
    const findings = await checkForwardPolicy({ ...context, run }, BOTH);
    expect(findings.map(({ message }) => message)).toEqual([
      'the policy of FORWARD (ip6tables-nft) is DROP: IPv6 packets of pods pass only if a rule accepts them',
    ]);
  });

  test('without any tool says that it cannot tell', async () => {
    const findings = await checkForwardPolicy({ ...context, run: () => Promise.resolve(undefined) }, ['ipv4']);
    expect(findings).toEqual([
      expect.objectContaining({
        level: 'warning',
        message: 'cannot tell whether the firewall drops forwarded IPv4 packets: nft is not installed',
      }),
    ]);
  });
});

describe('checkForwardPolicy when the tools fail', () => {
  const legacyTables = only('nat\nfilter\n');

  test('says so, once for each family, and keeps the others', async () => {
    const run: PreflightContext['run'] = (program) =>
      program === 'nft'
        ? Promise.resolve({ exitCode: 0, stdout: '{"nftables":[]}', stderr: '' })
        : Promise.reject(new Error(`${program} hangs`));
    const findings = await checkForwardPolicy({ ...context, files: legacyTables, run }, BOTH);
    expect(findings.map(({ message }) => message)).toEqual([
      'cannot tell whether the firewall drops forwarded IPv4 packets: iptables-legacy hangs',
      'cannot tell whether the firewall drops forwarded IPv6 packets: ip6tables-legacy hangs',
    ]);
  });

  test('is ended by the signal', async () => {
    const signal = AbortSignal.abort();
    await expect(checkForwardPolicy({ ...context, signal }, BOTH)).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  });
});

describe('checkReversePath', () => {
  test.each([
    { all: 0, own: 0, found: 0 },
    { all: 1, own: 0, found: 1 },
    { all: 0, own: 1, found: 1 },
    { all: 2, own: 1, found: 0 },
    { all: 1, own: 2, found: 0 },
  ])('all=$all and interface=$own', async ({ all, own, found }) => {
    await host.ip('link add eth0.5 type veth peer name far');
    await host.run('sysctl', '-qw', `net/ipv4/conf/all/rp_filter=${all}`, `net/ipv4/conf/eth0.5/rp_filter=${own}`);
    const findings = await checkReversePath(context, 'eth0.5');
    expect(findings).toHaveLength(found);
    if (found > 0) expect(findings[0]?.remedy).toContain('sysctl -w net/ipv4/conf/eth0.5/rp_filter=2');
  });
});

describe('checkIpv6', () => {
  test('finds nothing when it is on', async () => {
    expect(await checkIpv6(context, 'lo')).toEqual([]);
  });

  test('finds where it is off', async () => {
    await host.ip('link add eth0 type veth peer name far');
    await host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1');
    expect((await checkIpv6(context, 'eth0')).map(({ remedy }) => remedy)).toEqual([
      'run: sysctl -w net/ipv6/conf/eth0/disable_ipv6=0',
    ]);
    await host.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    expect(await checkIpv6(context, 'eth0')).toHaveLength(2);
  });

  test('tells a kernel without it', async () => {
    const findings = await checkIpv6({
      ...context,
      files: only(undefined),
    });
    expect(findings.map(({ message }) => message)).toEqual(['the network uses IPv6, but this kernel runs without it']);
  });
});

describe('checkUdpPort', () => {
  const wanted = { port: 18472, families: BOTH, vni: 1, devices: [] };

  /** A program that has the port in this family, until it is killed. */
  async function holding(type: string): Promise<ChildProcess> {
    const file = fileURLToPath(new URL('./hold-port.js', import.meta.url));
    // Forked through "ip netns exec", so that it is in the host and its messages still come here.
    const child = fork(file, [type, '18472'], {
      execPath: 'ip',
      execArgv: ['netns', 'exec', host.name, process.execPath],
    });
    expect((await Promise.race([once(child, 'message'), once(child, 'exit')]))[0]).toBe('bound');
    return child;
  }

  test('finds nothing on a free port', async () => {
    expect(await checkUdpPort(context, wanted)).toEqual([]);
  });

  test.each(['udp4', 'udp6'])('names the process that has it (%s)', async (type) => {
    const child = await holding(type);
    try {
      const findings = await checkUdpPort(context, wanted);
      expect(findings).toHaveLength(1);
      expect(findings[0]).toMatchObject({ level: 'error', check: 'udp-port' });
      expect(findings[0]?.message).toBe(`UDP port 18472 is in use by node (pid ${child.pid})`);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('shares the port with VXLAN devices of other VNIs, but not with other tunnels', async () => {
    await host.ip('link add other type vxlan id 7 dstport 18472');
    await host.ip('link set other up');
    const other = { name: 'other', port: 18472, vni: 7, own: false, up: true };
    expect(await checkUdpPort(context, { ...wanted, devices: [other] })).toEqual([]);
    const { vni: _, ...noVni } = wanted;
    expect(await checkUdpPort(context, { ...noVni, devices: [other] })).toHaveLength(1);
    const same = await checkUdpPort(context, { ...wanted, vni: 7, devices: [other] });
    expect(same[0]?.message).toBe("other is somebody else's VXLAN device with VNI 7 on UDP port 18472");
    const ours = { ...wanted, vni: 7, devices: [{ ...other, own: true }] };
    expect(await checkUdpPort(context, ours)).toEqual([]);
    // A program with the port in the other family is found all the same.
    const child = await holding('udp6');
    try {
      const [finding] = await checkUdpPort(context, ours);
      expect(finding?.message).toBe(`UDP port 18472 is in use by node (pid ${child.pid})`);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('checkLinkKind', () => {
  test('knows what the kernel can make, and makes nothing', async () => {
    const netlink = openNetlink({ netns: host.path });
    try {
      const before = await host.ip('-o link');
      expect(await checkLinkKind(context, netlink, 'vxlan')).toEqual([]);
      expect(await checkLinkKind(context, netlink, 'veth')).toEqual([]);
      expect(await checkLinkKind(context, netlink, 'bridge')).toEqual([]);
      const findings = await checkLinkKind(context, netlink, 'ovnosuch');
      expect(findings).toEqual([expect.objectContaining({ level: 'error', check: 'kernel-ovnosuch' })]);
      expect(await host.ip('-o link')).toBe(before);
    } finally {
      netlink.close();
    }
  });
});

describe('checkPrivileges', () => {
  const status = (text: string | undefined): PreflightContext => ({
    ...context,
    files: only(text),
  });

  test.each([
    ['all', 'CapEff:\t000001ffffffffff\n', 0],
    ['only CAP_NET_ADMIN', 'Name:\tnode\nCapEff:\t0000000000001000\n', 0],
    ['all but CAP_NET_ADMIN', 'CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffefff\n', 1],
    ['none', 'CapEff:\t0000000000000000\n', 1],
    ['unknown', undefined, 0],
  ])('%s', async (_, text, found) => {
    expect(await checkPrivileges(status(text))).toHaveLength(found);
  });

  test('finds nothing when run as root, as here', async () => {
    expect(await checkPrivileges({ signal: context.signal })).toEqual([]);
  });
});
