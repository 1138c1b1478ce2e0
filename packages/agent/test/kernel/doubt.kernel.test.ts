import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { LabHost } from '@overlay/lab';
import { leaseName, madeUpLease } from '../support/made-up-lease.js';
import type { MadeUpHost } from '../support/made-up-lease.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { overlayObjects } from '../support/overlay-objects.js';
import { run } from '../support/program.js';
import { emptyStore, readStore, replaceStore } from '../support/store-folder.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
const HOLD_MS = 6000;
/** Additions do not wait, whatever is held; in milliseconds. */
const AT_ONCE_MS = 1000;

interface HeldRemoval {
  readonly key: string;
  readonly what: string;
  readonly since: number;
  readonly until: number;
}

/**
 * Three hosts and some leases of hosts that are not there. Only the first host keeps its agent: a host whose agent is
 * down carries traffic, and cannot write its lease again when somebody removes it.
 */
class DoubtLab implements AsyncDisposable {
  private constructor(
    readonly type: string,
    readonly overlay: OverlayLab,
  ) {}

  static async create(type: string): Promise<DoubtLab> {
    const overlay = await OverlayLab.create({ hosts: 3, families: FAMILIES, backend: { Type: type } });
    return new DoubtLab(type, overlay);
  }

  get host(): LabHost {
    return this.overlay.host(0);
  }

  get store(): string {
    return this.overlay.store;
  }

  async start(...hosts: LabHost[]): Promise<void> {
    for (const host of hosts) this.overlay.start(host, `--doubt-hold=${HOLD_MS}ms`);
    for (const host of hosts) await host.waitReady();
  }

  async connect(): Promise<void> {
    await this.overlay.lab.addPods();
    await this.overlay.lab.waitConnected();
  }

  async killOthers(): Promise<void> {
    for (const host of [this.overlay.host(1), this.overlay.host(2)]) {
      host.agent?.kill('SIGKILL');
      await host.agent?.exited;
    }
  }

  put(made: MadeUpHost): void {
    const { name, value } = madeUpLease(this.overlay, this.type, made);
    writeFileSync(join(this.store, name), JSON.stringify(value));
  }

  async pings(): Promise<SteadyPing[]> {
    const [from, to] = [this.host.pods[0], this.overlay.host(1).pods[0]];
    const each = FAMILIES.map((family) =>
      SteadyPing.start(from, to.addresses[family], this.overlay.file(from, family)),
    );
    return await Promise.all(each);
  }

  /** Removals that the first host's agent holds, by lease key. */
  async held(): Promise<ReadonlyMap<string, HeldRemoval>> {
    const { heldRemovals } = (await this.overlay.status(this.host)) as { heldRemovals: HeldRemoval[] };
    return new Map(heldRemovals.map((removal) => [removal.key, removal]));
  }

  /** Waits until exactly these removals are held, and gives them. */
  async holds(...keys: string[]): Promise<HeldRemoval[]> {
    return await until(
      async () => {
        const held = await this.held();
        return held.size === keys.length && keys.every((key) => held.has(key)) && [...held.values()];
      },
      `the removals of ${keys.join(', ')} are held`,
    );
  }

  /** The third numbers of the IPv4 subnets to which the first host has routes. */
  async routes(): Promise<number[]> {
    const routes = await this.overlay.objects(this.host, '-4 route show proto 111');
    return routes.map(({ dst }) => Number(String(dst).split('.')[2])).sort((a, b) => a - b);
  }

  /** What the first host's agent holds to be its own. */
  async ownSubnets(): Promise<object> {
    return ((await this.overlay.status(this.host)) as { ownLease: { subnets: object } }).ownLease.subnets;
  }

  /** The third number of a host's IPv4 subnet. */
  third(host: LabHost): number {
    return Number(host.pods[0].addresses.ipv4?.split('.')[2]);
  }

  async readyz(): Promise<string> {
    const { status, body } = await this.host.health('/readyz');
    expect(status).toBe(200);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.overlay[Symbol.asyncDispose]();
  }
}

async function expectNothingLost(pings: readonly SteadyPing[]): Promise<void> {
  for (const each of pings) {
    const { answered, lost } = await each.stop();
    expect(answered).toBeGreaterThan(500);
    expect(lost).toEqual([]);
  }
}

async function dispose(pings: readonly SteadyPing[]): Promise<void> {
  for (const each of pings) await each[Symbol.asyncDispose]();
}

const subnetEnv = (host: LabHost): string => readFileSync(host.subnetFile, 'utf8');
const ascending = (...numbers: number[]): number[] => numbers.sort((a, b) => a - b);

describe.each(['vxlan', 'host-gw'])('an agent of %s whose store goes wrong', (type) => {
  test('keeps its peers for the hold when every lease is removed, and then forgets those that stay away', async () => {
    await using lab = await DoubtLab.create(type);
    const { overlay, host, store } = lab;
    const [, second, third] = overlay.lab.hosts;
    await lab.start(...overlay.lab.hosts);
    await lab.connect();
    for (const number of [1, 2, 3, 4]) lab.put({ number, endpoint: 100 + number });
    await overlay.settled(host, 6);
    await lab.killOthers();
    const before = await overlayObjects(overlay, host);
    const content = readStore(store);
    expect(content.size).toBe(7);
    const pings = await lab.pings();
    try {
      emptyStore(store);
      const emptied = Date.now();
      const made = [1, 2, 3, 4].map((number) => `made-up-${number}`);
      const held = await lab.holds('h2', 'h3', ...made);
      for (const { what, since, until: end } of held) {
        expect(what).toBe('gone');
        expect(end - since).toBeGreaterThanOrEqual(HOLD_MS);
      }
      expect(await lab.readyz()).toContain('held removals of many peers at once (6): ');
      expect(await overlayObjects(overlay, host)).toEqual(before);
      const own = [...content].find(([, text]) => text.includes('"HostID":"h1"'))?.[0];
      await until(() => readStore(store).has(String(own)), 'the own lease is written again');

      lab.put({ number: 9, endpoint: 109 });
      const put = performance.now();
      await until(async () => (await lab.routes()).includes(109), 'a new peer has its route');
      expect(performance.now() - put).toBeLessThan(AT_ONCE_MS);
      const [name, text] = [...content].find(([, value]) => value.includes('"HostID":"h2"')) ?? ['', ''];
      writeFileSync(join(store, name), text);
      await lab.holds('h3', ...made);
      expect(Date.now() - emptied).toBeLessThan(HOLD_MS);
      expect(await lab.routes()).toEqual(ascending(101, 102, 103, 104, 109, lab.third(second), lab.third(third)));

      await until(async () => (await lab.held()).size === 0, 'nothing is held any more');
      expect(Date.now() - emptied).toBeGreaterThanOrEqual(HOLD_MS);
      await overlay.settled(host, 2);
      expect(await lab.routes()).toEqual(ascending(109, lab.third(second)));
      const after = (await overlay.everything(host)).join('\n');
      for (const gone of [101, 102, 103, 104, lab.third(third)]) expect(after).not.toContain(`10.244.${gone}.`);
      for (const endpoint of [101, 102, 103, 104])
        expect(after).not.toContain(`02:00:00:00:00:${endpoint.toString(16)}`);
      expect(await lab.readyz()).not.toContain('held removals');
      await expectNothingLost(pings);
    } finally {
      await dispose(pings);
    }
  }, 60_000);

  test('keeps its peers for the hold when the store is rolled back, and takes at once what came back with it', async () => {
    await using lab = await DoubtLab.create(type);
    const { overlay, host, store } = lab;
    const [, second, third] = overlay.lab.hosts;
    await lab.start(host);
    for (const number of [1, 2, 3]) lab.put({ number, endpoint: 100 + number });
    await overlay.settled(host, 3);
    const backup = readStore(store);
    await lab.start(second, third);
    await lab.connect();
    overlay.removeLease(leaseName(102));
    lab.put({ number: 3, endpoint: 113 });
    lab.put({ number: 5, endpoint: 105 });
    lab.put({ number: 6, endpoint: 106 });
    await until(
      async () => (await overlay.everything(host)).some((line) => /:71 dev|\.113 /.test(line)),
      'the third made-up host has moved',
    );
    await overlay.settled(host, 6);
    await lab.killOthers();
    const pings = await lab.pings();
    try {
      replaceStore(store, backup);
      const replaced = Date.now();
      await lab.holds('h2', 'h3', 'made-up-5', 'made-up-6');
      expect(await lab.readyz()).toContain('held removals of many peers at once (4): ');
      const all = ascending(101, 102, 103, 105, 106, lab.third(second), lab.third(third));
      await until(async () => String(await lab.routes()) === String(all), 'what came back has its route');
      // Who has another endpoint and the same subnet loses nothing.
      const [old, now] = type === 'vxlan' ? ['02:00:00:00:00:71', '02:00:00:00:00:67'] : ['.113 ', '.103 '];
      const everything = async (): Promise<string> => (await overlay.everything(host)).join('\n');
      await until(
        async () => (await everything()).includes(now) && !(await everything()).includes(old),
        'it moved back',
      );
      expect(Date.now() - replaced).toBeLessThan(HOLD_MS);

      // A host that is really there says so before the hold is over.
      await lab.start(second);
      await lab.holds('h3', 'made-up-5', 'made-up-6');
      await until(async () => (await lab.held()).size === 0, 'nothing is held any more');
      expect(Date.now() - replaced).toBeGreaterThanOrEqual(HOLD_MS);
      await overlay.settled(host, 4);
      expect(await lab.routes()).toEqual(ascending(101, 102, 103, lab.third(second)));
      await expectNothingLost(pings);
    } finally {
      await dispose(pings);
    }
  }, 60_000);

  test('keeps its peers for the hold when another prefix is put in the place of its own', async () => {
    await using lab = await DoubtLab.create(type);
    const { overlay, host, store } = lab;
    await lab.start(...overlay.lab.hosts);
    await lab.connect();
    for (const number of [1, 2, 3, 4]) lab.put({ number, endpoint: 100 + number });
    await overlay.settled(host, 6);
    await lab.killOthers();
    const before = await overlayObjects(overlay, host);
    // Every other host has another subnet, our own lease is not there.
    const other = new Map<string, string>();
    for (const text of readStore(store).values()) {
      if (!text.includes('"HostID":"h1"')) other.set(leaseName(150 + other.size), text);
    }
    const own = await lab.ownSubnets();
    const env = readFileSync(host.subnetFile, 'utf8');
    const pings = await lab.pings();
    try {
      replaceStore(store, other);
      const replaced = Date.now();
      const held = await lab.holds('h2', 'h3', 'made-up-1', 'made-up-2', 'made-up-3', 'made-up-4');
      for (const { what } of held) expect(what).toBe('changed');
      expect(await lab.readyz()).toContain('held removals of many peers at once (6): ');
      expect(await overlayObjects(overlay, host)).toEqual(before);
      lab.put({ number: 90, endpoint: 190 });
      await until(async () => (await lab.routes()).includes(190), 'a new peer has its route');
      for (const each of pings) await each.goesOn();
      expect((await lab.held()).size).toBe(6);
      await expectNothingLost(pings);
      expect(Date.now() - replaced).toBeLessThan(HOLD_MS);

      await until(async () => (await lab.held()).size === 0, 'nothing is held any more');
      expect(Date.now() - replaced).toBeGreaterThanOrEqual(HOLD_MS);
      await overlay.settled(host, 7);
      expect(await lab.routes()).toEqual([150, 151, 152, 153, 154, 155, 190]);
      // This host stays where its pods are.
      expect(await lab.ownSubnets()).toEqual(own);
      expect(readFileSync(host.subnetFile, 'utf8')).toBe(env);
      expect([...readStore(store).values()].some((text) => text.includes('"HostID":"h1"'))).toBe(true);
    } finally {
      await dispose(pings);
    }
  }, 60_000);

  test('stays where its pods are when the store has another subnet for it, and moves when it is told to', async () => {
    await using lab = await DoubtLab.create(type);
    const { overlay, host, store } = lab;
    await lab.start(...overlay.lab.hosts);
    await lab.connect();
    await overlay.settled(host, 2);
    const [own, before, env] = [await lab.ownSubnets(), await overlayObjects(overlay, host), subnetEnv(host)];
    const [name] = [...readStore(store)].find(([, text]) => text.includes('"HostID":"h1"')) ?? [''];
    renameSync(join(store, name), join(store, leaseName(98)));
    const other = readStore(store);
    const shown = /^waiting: lease: the store has 10\.244\.98\.0\/24 and fd00:244:0:98::\/64 for this host/m;
    await until(async () => shown.test((await host.health('/readyz')).body), 'it is shown');
    expect((await host.health('/readyz')).status).toBe(503);
    expect([await lab.ownSubnets(), await overlayObjects(overlay, host), subnetEnv(host)]).toEqual([own, before, env]);
    expect(readStore(store)).toEqual(other);

    const args = ['apply', `--run-dir=${overlay.file(host, 'control')}`];
    expect(await run({ name: 'overlay', netns: host.netns, args })).toMatchObject({ code: 0 });
    await until(async () => (await host.health('/readyz')).status === 200, 'the host is ready again');
    expect(await lab.ownSubnets()).toEqual({ ipv4: '10.244.98.0/24', ipv6: 'fd00:244:0:98::/64' });
    expect(subnetEnv(host)).toContain('FLANNEL_SUBNET=10.244.98.1/24\n');
    expect(readStore(store).size).toBe(3);
  }, 60_000);
});
