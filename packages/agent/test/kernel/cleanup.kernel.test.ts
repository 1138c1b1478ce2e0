import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { LabHost } from '@overlay/lab';
import { ETCD_PREFIX } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import type { Exit } from '../support/program.js';
import { run } from '../support/program.js';
import { describeWithEtcd } from '../support/servers-needed.js';
import { TestHost } from '../support/test-host.js';
import { until } from '../support/until.js';

const BOTH = ['ipv4', 'ipv6'] as const;

/** Objects of somebody else, as like ours as they can be. */
const FOREIGN = [
  'link add foreign0 type bridge',
  'addr add 172.30.0.1/16 dev foreign0',
  'link set foreign0 up',
  'link add vxlan9 type vxlan id 9 dev eth0 dstport 4789',
  'link set vxlan9 alias overlay:other up',
  'addr add 10.244.251.0/32 dev vxlan9',
  'neigh add 10.244.250.1 dev vxlan9 lladdr 02:00:00:00:09:01 nud permanent',
  'route add 10.244.250.0/24 via 172.30.0.9 metric 7 proto static',
  'route add 172.31.0.0/16 via 172.30.0.9 proto 111',
];

async function inspect(overlay: OverlayLab, host: LabHost): Promise<readonly string[]> {
  const { stdout } = await host.exec(['ip', '-br', 'link']);
  const qdiscs = await host.exec(['tc', 'qdisc', 'show', 'dev', 'eth0']);
  const filters = await host.exec(['tc', 'filter', 'show', 'dev', 'eth0', 'ingress']);
  // An interface that was just set up may not have its carrier yet.
  const devices = stdout.split('\n').map((line) => `device: ${line.split(' ', 1)[0]}`);
  // A host that forwards joins the groups of routers; forwarding stays on.
  const objects = (await overlay.everything(host)).filter((line) => !/ (33:33|01:00:5e):/.test(line));
  return [...objects, ...devices, ...lines(qdiscs.stdout), ...lines(filters.stdout)].sort();
}

function cleanup(overlay: OverlayLab, host: LabHost, ...more: string[]): Promise<Exit> {
  return run({ name: 'overlay', netns: host.netns, args: ['cleanup', ...overlay.flags(host), ...more] });
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe.each(['vxlan', 'host-gw', 'udp'] as const)('overlay cleanup after %s', (type) => {
  test('removes everything of ours, and nothing else', async () => {
    await using overlay = await OverlayLab.create({ hosts: 3, families: BOTH, backend: { Type: type } });
    const host = overlay.host(0);
    for (const line of FOREIGN) await host.exec(['ip', ...line.split(' ')]);
    const before = await inspect(overlay, host);
    for (const each of overlay.lab.hosts) overlay.start(each);
    await overlay.lab.waitReady();
    await overlay.settled(host, 2);
    const running = await inspect(overlay, host);
    expect(running).not.toEqual(before);

    const refused = await cleanup(overlay, host);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toMatch(
      new RegExp(
        `^overlay cleanup: an agent of instance default runs here \\(pid ${host.agent?.pid}\\)[^\\n]*--force\\n$`,
      ),
    );

    await host.agent?.stop();
    const dry = await cleanup(overlay, host, '--dry-run');
    expect(dry.code).toBe(0);
    expect(await inspect(overlay, host)).toEqual(running);
    expect(existsSync(host.subnetFile)).toBe(true);
    const told = JSON.parse((await cleanup(overlay, host, '--dry-run', '--json')).stdout) as { items: object[] };
    expect(told.items).toHaveLength(lines(dry.stdout).length);
    // Two routes for each peer; with vxlan a neighbour and an FDB entry for each, an address and a device.
    const kinds = lines(dry.stdout).map((line) => line.split(' ', 1)[0]);
    const count = (kind: string): number => kinds.filter((found) => found === kind).length;
    // With udp a pair of devices, with an address in each family, and a program on both of them and on eth0.
    const counts = { vxlan: [4, 4, 4, 2, 2, 0], 'host-gw': [4, 0, 0, 0, 0, 0], udp: [4, 0, 0, 2, 2, 3] };
    expect(['route', 'neighbour', 'fdb', 'address', 'device', 'program'].map(count)).toEqual(counts[type]);
    expect(dry.stderr).toContain('172.31.0.0/16');

    const done = await cleanup(overlay, host);
    expect(done.code).toBe(0);
    expect(lines(done.stdout)).toEqual(lines(dry.stdout).map((line) => `removed ${line}`));
    expect(await inspect(overlay, host)).toEqual(before);
    expect(existsSync(host.subnetFile)).toBe(false);
    expect(existsSync(overlay.file(host, 'state'))).toBe(false);
    expect(existsSync(overlay.file(host, 'control'))).toBe(false);
    expect(readdirSync(overlay.store).filter((name) => /^10\./.test(name))).toHaveLength(3);

    const again = await cleanup(overlay, host, `--net-config-path=${overlay.netConf}`);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toContain('nothing of this instance is here');
  }, 60_000);
});

test('overlay cleanup gives up the lease only when it is told to', async () => {
  await using overlay = await OverlayLab.create({ hosts: 1, backend: { Type: 'vxlan' } });
  const host = overlay.host(0);
  overlay.start(host);
  await host.waitReady();
  await host.agent?.stop();
  const leases = (): string[] => readdirSync(overlay.store).filter((name) => /^10\./.test(name));
  expect((await cleanup(overlay, host)).code).toBe(0);
  expect(leases()).toHaveLength(1);
  const released = await cleanup(overlay, host, '--release-lease');
  expect(released).toMatchObject({ code: 0 });
  expect(released.stdout).toMatch(/^removed lease 10\.244\.\d+\.0\/24 of host h1\n$/);
  expect(leases()).toEqual([]);
}, 30_000);

describeWithEtcd('overlay cleanup on etcd', () => {
  test('gives up the lease with all that is beside it, and no other host’s; not while etcd is away', async () => {
    await using overlay = await OverlayLab.create({
      hosts: 2,
      families: ['ipv4', 'ipv6'],
      backend: { Type: 'vxlan' },
      store: 'etcd',
    });
    const [host, other] = overlay.lab.hosts;
    for (const each of overlay.lab.hosts) overlay.start(each);
    await overlay.lab.waitReady();
    await overlay.settled(other, 1);
    await host.agent?.stop();
    const names = async (): Promise<string[]> => (await overlay.etcd.keys()).map(({ key }) => key);
    const before = await names();
    await overlay.etcd.stop();
    const refused = await cleanup(overlay, host, '--release-lease');
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^overlay cleanup: .*etcd/) });
    expect(await overlay.objects(host, 'link show flannel.1')).toHaveLength(1);
    await overlay.etcd.start();
    const released = await cleanup(overlay, host, '--release-lease');
    expect(released).toMatchObject({ code: 0 });
    const text = /^removed lease (10\.244\.\d+\.0)\/24, (fd00:244:\S+)\/64 of host h1$/m.exec(released.stdout);
    const [, ipv4, ipv6] = text ?? [];
    const gone = [
      `${ETCD_PREFIX}/subnets/${ipv4}-24&${ipv6}-64`,
      `${ETCD_PREFIX}/overlay/hosts/h1`,
      `${ETCD_PREFIX}/overlay/ipv6/${ipv6}-64`,
    ];
    expect(before).toEqual(expect.arrayContaining(gone));
    expect(await names()).toEqual(before.filter((name) => !gone.includes(name)));
    await overlay.settled(other, 0);
    expect(await cleanup(overlay, host, '--release-lease')).toMatchObject({ code: 0, stdout: '' });
  }, 90_000);
});

test('overlay cleanup knows the networks that were in effect when configuration and subnet.env are others by now', async () => {
  await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'host-gw' } });
  const host = overlay.host(0);
  for (const each of overlay.lab.hosts) overlay.start(each);
  await overlay.lab.waitReady();
  await overlay.settled(host, 1);
  await host.agent?.stop();
  writeFileSync(overlay.netConf, '{"Network":"10.99.0.0/16","Backend":{"Type":"host-gw"}}');
  rmSync(host.subnetFile);
  const done = await cleanup(overlay, host);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toMatch(/^removed route 10\.244\.\d+\.0\/24 via \S+ dev eth0 proto 111 metric \d+$/m);
  expect(await overlay.objects(host, 'route show proto 111')).toEqual([]);
}, 30_000);

test('overlay cleanup of one instance leaves another one as it is', async () => {
  await using host = await TestHost.create();
  const flags = (instance: string): string[] => [
    `--instance=${instance}`,
    `--subnet-file=${host.folder.at(instance, 'subnet.env')}`,
    `--net-config-path=${host.folder.at(`${instance}.json`)}`,
    `--local-store=${host.folder.at(`${instance}-store`)}`,
    `--state-dir=${host.folder.at('state')}`,
    `--run-dir=${host.folder.at('control')}`,
  ];
  const config = (VNI: number): string =>
    JSON.stringify({ Network: `10.${VNI}.0.0/16`, Backend: { Type: 'vxlan', VNI, Port: 8470 + VNI } });
  writeFileSync(host.folder.at('one.json'), config(1));
  writeFileSync(host.folder.at('two.json'), config(2));
  const one = host.start(...flags('one'), '--healthz-port=0');
  const two = host.start(...flags('two'), '--healthz-port=0');
  for (const agent of [one, two]) await agent.says('ready after');
  const kept = await host.link('flannel.2');
  one.kill('SIGTERM');
  await one.exited;
  const done = await run({ name: 'overlay', netns: host.netns, args: ['cleanup', ...flags('one')] });
  expect(done.code).toBe(0);
  expect(done.stdout).toContain('removed device flannel.1 type vxlan alias overlay:one\n');
  expect(await host.link('flannel.1')).toBeUndefined();
  expect(await host.link('flannel.2')).toEqual(kept);
  expect(existsSync(host.folder.at('two', 'subnet.env'))).toBe(true);
  expect(readdirSync(host.folder.at('state'))).toEqual(['two']);
  expect(two.exit).toBeUndefined();
});

test('overlay cleanup by force goes on although the agent runs, which then makes everything again', async () => {
  await using host = await TestHost.create();
  const agent = host.start();
  await agent.says('ready after');
  const before = await host.link('flannel.1');
  const args = [
    'cleanup',
    '--force',
    `--run-dir=${host.folder.at('control')}`,
    `--state-dir=${host.folder.at('none')}`,
  ];
  const done = await run({ name: 'overlay', netns: host.netns, args: [...args, `--subnet-file=${host.subnetFile}`] });
  expect(done.stderr).toContain(`an agent of instance default runs here (pid ${agent.pid})`);
  expect(done.stdout + done.stderr).toContain('device flannel.1 type vxlan alias overlay:default');
  const made = await until(async () => {
    const link = await host.link('flannel.1');
    return link !== undefined && link['ifindex'] !== before?.['ifindex'] && link['operstate'] !== 'DOWN' && link;
  }, 'the device is there again');
  expect(made).toMatchObject({ address: before?.['address'], ifalias: 'overlay:default' });
});

test('overlay cleanup leaves a subnet.env that somebody else wrote', async () => {
  await using host = await TestHost.create();
  const agent = host.start();
  const text = await until(() => host.subnetEnv(), 'subnet.env is there');
  agent.kill('SIGTERM');
  await agent.exited;
  // The same text, as flanneld would write it.
  writeFileSync(`${host.subnetFile}.new`, text);
  renameSync(`${host.subnetFile}.new`, host.subnetFile);
  const done = await run({
    name: 'overlay',
    netns: host.netns,
    args: [
      'cleanup',
      `--subnet-file=${host.subnetFile}`,
      `--state-dir=${host.folder.at('state')}`,
      `--run-dir=${host.folder.at('control')}`,
    ],
  });
  expect(done.code).toBe(0);
  expect(done.stderr).toContain(`${host.subnetFile} is left`);
  expect(readFileSync(host.subnetFile, 'utf8')).toBe(text);
  expect(await host.link('flannel.1')).toBeUndefined();
});

test('overlay cleanup tells wrong command lines and files in one line', async () => {
  const wrong = await run({ name: 'overlay', args: ['cleanup', '--dryrun'] });
  expect(wrong).toMatchObject({ code: 64, stdout: '' });
  expect(wrong.stderr).toBe('overlay cleanup: "--dryrun" is no flag of overlay cleanup; did you mean --dry-run?\n');
  const missing = await run({ name: 'overlay', args: ['cleanup', '--dry-run', '--net-config-path=/nowhere/x.json'] });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^overlay cleanup: --net-config-path: [^\n]*\/nowhere\/x\.json[^\n]*\n$/);
});

test('overlay cleanup knows routes by each number that they were marked with', async () => {
  await using overlay = await OverlayLab.create({ hosts: 2, families: BOTH, backend: { Type: 'host-gw' } });
  const [host, other] = [overlay.host(0), overlay.host(1)];
  await host.exec(['ip', 'route', 'add', '10.244.250.0/24', 'dev', 'eth0', 'proto', '111']);
  const routes = async (protocol: number): Promise<number> => {
    const each = ['-4', '-6'].map((family) => overlay.objects(host, `${family} route show proto ${protocol}`));
    return (await Promise.all(each)).flat().length;
  };
  overlay.start(other);
  overlay.start(host, '--route-protocol=200');
  await overlay.lab.waitReady();
  await overlay.settled(host, 1);
  expect(await routes(200)).toBe(2);
  await host.agent?.stop();
  overlay.start(host, '--route-protocol=201');
  await host.waitReady();
  await overlay.settled(host, 1);
  expect([await routes(200), await routes(201)]).toEqual([0, 2]);
  await host.agent?.stop();
  await host.exec(['ip', 'route', 'add', '10.244.251.0/24', 'dev', 'eth0', 'proto', '200']);
  expect((await cleanup(overlay, host)).code).toBe(0);
  expect([await routes(200), await routes(201), await routes(111)]).toEqual([0, 0, 1]);
  expect(existsSync(overlay.file(host, 'state'))).toBe(false);
}, 60_000);
