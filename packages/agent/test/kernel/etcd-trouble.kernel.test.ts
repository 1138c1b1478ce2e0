import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { cameBack, ETCD_PREFIX } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { describeWithEtcd } from '../support/servers-needed.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const SUBNETS = `${ETCD_PREFIX}/subnets/`;
/** A lease of a host that is not there: who has a route to it follows the store. */
const PROOF = `${SUBNETS}10.244.200.0-24`;
const PROOF_VALUE =
  '{"PublicIP":"192.168.77.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}';
/** Lines that an agent may write about one misfortune. */
const STORM = 25;
const CONVERGED_MS = 60_000;
/** Milliseconds without a write after which nobody is taken to be writing in a loop. */
const STEADY_MS = 15_000;
/** Seconds for which etcd is away; until every agent has said so unless told. See docs/etcd.md. */
const OUTAGE_S = Number(process.env.OVERLAY_TEST_ETCD_OUTAGE ?? 0);

/** The key of a host's lease, by its first pod. */
function keyOf(host: LabHost): string {
  return SUBNETS + String(host.pods[0].addresses.ipv4).replace(/\.\d+$/, '.0-24');
}

describeWithEtcd('agents whose etcd comes to harm', () => {
  let overlay: OverlayLab;
  let agents: (number | undefined)[];
  let logged: number[];

  const hosts = (): readonly LabHost[] => overlay.lab.hosts;
  const lines = (host: LabHost): string[] => readFileSync(host.logFile, 'utf8').split('\n');
  const leases = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await overlay.etcd.keys(SUBNETS)).map(({ key, value }) => [key, value]));

  /** A ping between each two hosts' pods. */
  async function pings(): Promise<SteadyPing[]> {
    const pairs = [
      [0, 1],
      [1, 2],
      [2, 0],
    ].map(([from, to]) => [overlay.host(from), overlay.host(to)] as const);
    return await Promise.all(
      pairs.map(([from, to]) =>
        SteadyPing.start(from.pods[0], to.pods[0].addresses.ipv4, overlay.file(from, `ping-${performance.now()}`)),
      ),
    );
  }

  async function nothingLost(all: readonly SteadyPing[]): Promise<void> {
    for (const { answered, lost } of await Promise.all(all.map((each) => each.stop()))) {
      expect(answered).toBeGreaterThan(100);
      expect(lost).toEqual([]);
    }
  }

  /** Waits until every host follows the store: what is put there now becomes a route, and goes again. */
  async function everyHostFollows(): Promise<void> {
    const haveRoute = async (wanted: boolean): Promise<void> => {
      for (const host of hosts()) {
        const has = async (): Promise<boolean> =>
          (await overlay.objects(host, '-4 route show 10.244.200.0/24')).length > 0;
        await until(async () => (await has()) === wanted, `${host.name} has the route: ${wanted}`, CONVERGED_MS);
      }
    };
    await overlay.etcd.put(PROOF, PROOF_VALUE);
    await haveRoute(true);
    await overlay.etcd.ctl(['del', PROOF]);
    await haveRoute(false);
  }

  beforeAll(async () => {
    overlay = await OverlayLab.create({ hosts: 3, backend: { Type: 'vxlan' }, store: 'etcd' });
    await overlay.startAll();
  }, 120_000);
  afterAll(async () => {
    await overlay[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    agents = hosts().map(({ agent }) => agent?.pid);
    logged = hosts().map((host) => lines(host).length - 1);
  });

  // Whatever happened: everything is as it should be, by itself.
  afterEach(async () => {
    await everyHostFollows();
    for (const host of hosts()) await overlay.settled(host, 2);
    expect(hosts().map(({ agent }) => (agent?.exit === undefined ? agent?.pid : 'ended'))).toEqual(agents);
    expect((await overlay.lab.pingMatrix({ count: 1 })).filter((result) => !cameBack(result))).toEqual([]);
    const written = hosts().map((host, at) => lines(host).slice(logged[at]));
    for (const each of written) expect(each.length > STORM ? each : []).toEqual([]);
  }, 180_000);

  test('stopped and started again', async () => {
    const all = await pings();
    await overlay.etcd.stop();
    const back = Date.now() + 1000 * OUTAGE_S;
    for (const host of hosts()) {
      await until(
        () => lines(host).some((line) => /what is known stays, trying again/.test(line)),
        `${host.name} says so`,
        60_000,
      );
      expect((await host.health('/readyz')).status).toBe(200);
    }
    await until(() => Date.now() >= back, `etcd has been away for ${OUTAGE_S} s`, 1000 * (OUTAGE_S + 60));
    for (const host of hosts()) expect((await host.health('/readyz')).status).toBe(200);
    await overlay.etcd.start();
    await everyHostFollows();
    await nothingLost(all);
  }, 300_000);

  test('everything under the prefix deleted: removals are held, and every host takes its lease again', async () => {
    const before = await leases();
    expect(Object.keys(before)).toHaveLength(3);
    const all = await pings();
    const [{ value: netConf }] = await overlay.etcd.keys(`${ETCD_PREFIX}/config`);
    await overlay.etcd.ctl(['del', '--prefix', ETCD_PREFIX]);
    await until(async () => Object.keys(await leases()).length === 3, 'all leases are there again', CONVERGED_MS);
    expect(await leases()).toEqual(before);
    // A configuration that is gone is still in force.
    const { readiness, problems } = await overlay.status(overlay.host(0));
    expect(readiness).toMatchObject({ ready: true });
    expect(problems).toContainEqual(expect.stringContaining('there is none any more, the last one stays'));
    await overlay.etcd.putNetConf(netConf);
    await nothingLost(all);
  }, 180_000);

  test('restored from a backup that is older than a lease: its removal is held, and the host takes it again', async () => {
    const before = await leases();
    const third = overlay.host(2);
    const file = join(overlay.lab.directory, 'backup.db');
    // A backup of the time before the second and third host had come.
    for (const host of [overlay.host(1), third]) host.agent?.kill('SIGSTOP');
    for (const host of [overlay.host(1), third]) await overlay.etcd.ctl(['del', keyOf(host)]);
    await overlay.etcd.backup(file);
    for (const host of [overlay.host(1), third]) host.agent?.kill('SIGCONT');
    await until(async () => Object.keys(await leases()).length === 3, 'all leases are there again', CONVERGED_MS);
    for (const host of hosts()) await overlay.settled(host, 2);
    const all = await pings();
    // Until they go on nobody writes the leases that the backup does not have.
    for (const host of [overlay.host(1), third]) host.agent?.kill('SIGSTOP');
    await overlay.etcd.restore(file);
    const held = async (): Promise<string[]> => {
      const { heldRemovals } = (await overlay.status(overlay.host(0))) as { heldRemovals: { key: string }[] };
      return heldRemovals.map(({ key }) => key).sort();
    };
    await until(async () => (await held()).join() === 'h2,h3', 'both removals are held', CONVERGED_MS);
    for (const host of [overlay.host(1), third]) host.agent?.kill('SIGCONT');
    await until(async () => Object.keys(await leases()).length === 3, 'all leases are there again', CONVERGED_MS);
    expect(await leases()).toEqual(before);
    await everyHostFollows();
    await nothingLost(all);
  }, 240_000);

  test('a lease revoked by hand', async () => {
    const before = await leases();
    const key = keyOf(overlay.host(1));
    const [{ lease }] = await overlay.etcd.keys(key);
    await overlay.etcd.ctl(['lease', 'revoke', lease]);
    await until(async () => (await overlay.etcd.keys(key)).some((found) => found.lease !== lease), 'it is taken again');
    expect(await leases()).toEqual(before);
  }, 120_000);

  test('junk under the prefix: one warning, and no peer is lost', async () => {
    const all = await pings();
    const key = keyOf(overlay.host(1));
    const [{ value }] = await overlay.etcd.keys(key);
    await overlay.etcd.put(`${SUBNETS}not-a-subnet`, 'junk');
    await overlay.etcd.put(`${SUBNETS}10.244.201.0-24`, '{"PublicIP":');
    await overlay.etcd.put(key, 'junk');
    await until(
      async () => (await overlay.etcd.keys(key))[0]?.value === value,
      'the host writes its value again',
      CONVERGED_MS,
    );
    for (const [at, host] of hosts().entries()) {
      const warnings = (name: string): string[] =>
        lines(host)
          .slice(logged[at])
          .filter((line) => line.includes(name));
      await until(() => warnings('not-a-subnet').length > 0, `${host.name} warns`);
      await overlay.etcd.put(`${SUBNETS}not-a-subnet`, 'junk again');
      expect(warnings('not-a-subnet')).toHaveLength(1);
      expect(warnings('10.244.201.0-24')).toHaveLength(1);
    }
    await overlay.etcd.ctl(['del', `${SUBNETS}not-a-subnet`]);
    await overlay.etcd.ctl(['del', `${SUBNETS}10.244.201.0-24`]);
    await nothingLost(all);
  }, 120_000);

  test('history compacted while a host could not reach it', async () => {
    const host = overlay.host(0);
    const server = String(overlay.lab.server?.addresses.ipv4);
    const gone = `${ETCD_PREFIX}/overlay/gone`;
    await overlay.etcd.put(gone, 'x');
    await everyHostFollows();
    await host.exec(['ip', 'route', 'add', 'blackhole', server]);
    await overlay.etcd.stop();
    await overlay.etcd.start();
    const unrelated = `${ETCD_PREFIX}/overlay/unrelated`;
    // One that is gone is told of by nothing but a list.
    await overlay.etcd.ctl(['del', gone]);
    for (let turn = 0; turn < 5; turn++) await overlay.etcd.put(unrelated, `${turn}`);
    const [{ modRevision }] = await overlay.etcd.keys(unrelated);
    await overlay.etcd.ctl(['compact', String(modRevision)]);
    await host.exec(['ip', 'route', 'del', 'blackhole', server]);
    const news = (): string[] => lines(host).slice(logged[0]);
    await until(
      () => news().some((line) => /listing .* again: its history has been compacted away/.test(line)),
      'it lists everything again',
      CONVERGED_MS,
    );
  }, 120_000);
});

describeWithEtcd('a lease that another host has now', () => {
  test('means not ready, traffic as before, and another one on overlay apply', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' }, store: 'etcd' });
    await overlay.startAll();
    const [host, other] = [overlay.host(0), overlay.host(1)];
    const [{ value }] = (await overlay.etcd.keys(SUBNETS)).filter((found) =>
      found.value.includes(`"${host.addresses.ipv4}"`),
    );
    const key = keyOf(host);
    await using ping = await SteadyPing.start(host.pods[0], other.addresses.ipv4, overlay.file(host, 'ping'));
    await overlay.etcd.put(key, PROOF_VALUE);
    const readyz = async (): Promise<number> => (await host.health('/readyz')).status;
    await until(async () => (await readyz()) === 503, 'it is not ready', 30_000);
    expect((await host.health('/readyz')).body).toMatch(
      /waiting: lease: our 10\.244\.\d+\.0\/24 is held by another \(192\.168\.77\.99/,
    );
    // What the other one does with the subnet is its business; the host's own side stays as it was.
    expect((await overlay.objects(host, '-4 route show proto 111')).length).toBe(1);
    await ping[Symbol.asyncDispose]();

    const runDirectory = overlay.flags(host).filter((flag) => flag.startsWith('--run-dir='));
    const applied = await run({ name: 'overlay', args: ['apply', ...runDirectory], netns: host.netns });
    expect(applied).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^taken: another lease in the place of 10\.244\./),
    });
    await until(async () => (await readyz()) === 200, 'it is ready again', 30_000);
    const own = (await overlay.etcd.keys(SUBNETS)).find((found) => found.value === value);
    expect(own?.key).toMatch(/10\.244\.\d+\.0-24$/);
    expect(own?.key).not.toBe(key);
    const subnet = String(own?.key.slice(SUBNETS.length));
    expect(readFileSync(host.subnetFile, 'utf8')).toContain(`FLANNEL_SUBNET=${subnet.replace('.0-', '.1/')}`);
    const leadsThere = async (): Promise<boolean> =>
      (await overlay.objects(other, `-4 route show ${subnet.replace('-', '/')}`)).length === 1;
    await until(leadsThere, 'the other host leads packets to it');
  }, 120_000);
});

describeWithEtcd('two agents with one public IP', () => {
  test('both say so, and nobody goes on writing', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' }, store: 'etcd' });
    const [first, second] = [overlay.host(0), overlay.host(1)];
    const says = (host: LabHost, text: RegExp): Promise<true> =>
      until(
        () =>
          readFileSync(host.logFile, 'utf8')
            .split('\n')
            .some((line) => text.test(line)),
        `${host.name} says ${text}`,
        CONVERGED_MS,
      );
    overlay.start(first);
    await until(async () => (await first.health('/readyz')).status === 200, 'the first one is ready', CONVERGED_MS);
    overlay.start(second, `--public-ip=${first.addresses.ipv4}`);
    await says(first, /host h2 \(.*\) has taken over the lease of .* from host h1/);
    await says(second, /host h1 \(.*\) had .* before host h2 took it over/);
    const revision = async (): Promise<number> => {
      const { header } = JSON.parse(await overlay.etcd.ctl(['get', 'x', '-w', 'json'])) as {
        header: { revision: number };
      };
      return header.revision;
    };
    let [at, since] = [await revision(), Date.now()];
    const steady = async (): Promise<boolean> => {
      const now = await revision();
      if (now !== at) [at, since] = [now, Date.now()];
      return Date.now() > since + STEADY_MS;
    };
    await until(steady, `nothing is written for ${STEADY_MS} ms`, 4 * STEADY_MS);
  }, 180_000);
});

describeWithEtcd('agents whose etcd goes away before they have a lease', () => {
  test('stay up, and go on by themselves when it is back', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' }, store: 'etcd' });
    const hosts = overlay.lab.hosts;
    // It falls silent, and is killed 5 s later: they are let in, ask, and get no answer.
    const dead = overlay.etcd.stop('SIGSTOP');
    for (const host of hosts) overlay.start(host);
    const asks = async (host: LabHost): Promise<boolean> =>
      (await host.exec(['ss', '-Htn', 'dport', '=', ':2379'])).stdout !== '';
    for (const host of hosts) await until(() => asks(host), `${host.name} asks etcd`);
    await dead;
    for (const host of hosts) {
      const waits = async (): Promise<boolean> => (await host.health('/readyz')).status === 503;
      await until(waits, `${host.name} waits`, 30_000);
    }
    expect(await overlay.status(hosts[0])).toMatchObject({ readiness: { ready: false } });
    const agents = hosts.map(({ agent }) => agent?.pid);
    await overlay.etcd.start();
    await overlay.lab.waitReady({ timeoutMs: CONVERGED_MS });
    await overlay.lab.addPods();
    expect(await overlay.lab.waitConnected({ timeoutMs: CONVERGED_MS })).toEqual([]);
    expect(hosts.map(({ agent }) => (agent?.exit === undefined ? agent?.pid : 'ended'))).toEqual(agents);
    for (const host of hosts) expect(readFileSync(host.logFile, 'utf8').split('\n').length).toBeLessThan(40);
  }, 180_000);
});
