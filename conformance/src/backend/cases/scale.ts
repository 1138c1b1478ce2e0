import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Address, Lease, NetConf, PerFamily, Prefix } from '@overlay/core';
import { addressAt, FAMILIES, networkAddress, parseNetConf, subnetAt } from '@overlay/core';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { FamilyChoice } from '../environment/conf.js';
import type { OpenedNetwork, OverlayHost } from '../environment/overlay-host.js';
import { writesOf } from './peers.js';

const FEW = 20;
const THOUSANDS = 2000;
const TENS_OF_THOUSANDS = 20_000;
/** Addresses on the link that made-up peers share. */
const PLACES = 100;
const FIRST_PLACE = 100;
/** Where the peer that moves is first, and after it: it shares its place with nobody, among few as among many. */
const MOVER_PLACE = 240;

/** A network with room for 65,536 hosts in each family. */
function wideConf({ type, options }: BackendTestContext, family: FamilyChoice): NetConf {
  const ipv4 = family === 'ipv6' ? { EnableIPv4: false } : { Network: '10.0.0.0/8', SubnetLen: 24 };
  const ipv6 = family === 'ipv4' ? {} : { EnableIPv6: true, IPv6Network: 'fd44::/48', IPv6SubnetLen: 64 };
  return parseNetConf(JSON.stringify({ ...ipv4, ...ipv6, Backend: { ...options, Type: type } }));
}

function subnetsOf(netConf: NetConf, n: number): PerFamily<Prefix> {
  return Object.fromEntries(
    FAMILIES.flatMap((family) => {
      const conf = netConf[family];
      return conf === undefined ? [] : [[family, subnetAt(networkAddress(conf.network), conf.subnetLen, n)]];
    }),
  );
}

interface Crowd {
  readonly host: OverlayHost;
  readonly opened: OpenedNetwork;
  /** Applies that many peers, and waits until they are in place. */
  readonly crowd: (count: number) => Promise<readonly Lease[]>;
  /** What one peer that moves costs. */
  readonly oneMoves: (leases: readonly Lease[]) => Promise<Readonly<Record<string, number>>>;
}

/** A peer that is made up. */
interface Place {
  /** Its number, which its key and its subnet follow from. */
  readonly n: number;
  /** Where on the link it is. */
  readonly at: number;
  /** As which machine; another one publishes other data. By its number unless told. */
  readonly as?: string;
}

async function crowded(context: BackendTestContext, family: FamilyChoice): Promise<Crowd> {
  const world = await context.world({ hosts: 2, family });
  const [host, spare] = [world.host(1), world.host(2)];
  const netConf = wideConf(context, family);
  const opened = await host.open({ netConf, subnets: subnetsOf(netConf, 1) });
  const { network } = opened;
  const place = (number: number): PerFamily<Address> =>
    Object.fromEntries(world.families.map((each) => [each, addressAt(spare.machine.prefixes[each] as Prefix, number)]));
  const leases = async (peers: readonly Place[]): Promise<readonly Lease[]> => {
    const hosts = peers.map(({ n, at, as = `peer-${n}` }) => ({ hostId: as, at: place(at) }));
    const all = await spare.attributesOfMany(hosts, netConf);
    return all.map((attributes, index) => ({
      key: `peer-${peers[index].n}`,
      subnets: subnetsOf(netConf, 10 + peers[index].n),
      attributes,
    }));
  };
  const settled = async (): Promise<void> => {
    await network.settled({ signal: AbortSignal.timeout(context.timeouts.scale) });
    const { pending, failed, problems } = network.status();
    deepEqual({ pending, failed, problems }, { pending: 0, failed: 0, problems: [] });
  };
  return {
    host,
    opened,
    crowd: async (count) => {
      const all = await leases(
        Array.from({ length: count }, (_, n) => ({
          n,
          at: n === count - 1 ? MOVER_PLACE : FIRST_PLACE + (n % PLACES),
        })),
      );
      network.apply({ type: 'snapshot', leases: all });
      await settled();
      equal(network.status().peers, count);
      return all;
    },
    oneMoves: async (all) => {
      const n = all.length - 1;
      const [moved] = await leases([{ n, at: MOVER_PLACE + 1, as: 'mover' }]);
      const before = writesOf(opened);
      network.apply({ type: 'delta', set: [moved], deleted: [] });
      await settled();
      const after = writesOf(opened);
      network.apply({ type: 'delta', set: [all[n]], deleted: [] });
      await settled();
      return Object.fromEntries(Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)]));
    },
  };
}

export const scale: readonly BackendTest[] = [
  {
    id: 'scale-thousands',
    title: `${THOUSANDS} peers are put in place, found unchanged, and removed without a trace`,
    features: [],
    needs: [],
    run: async (context) => {
      const { host, opened, crowd } = await crowded(context, context.widest);
      await crowd(0);
      const before = await host.view();
      const leases = await crowd(THOUSANDS);
      const there = (await host.view()).minus(before).size;
      ok(there >= THOUSANDS, `${THOUSANDS} peers, and ${there} objects`);
      const writes = writesOf(opened);
      opened.network.apply({ type: 'snapshot', leases });
      await opened.network.settled({ signal: AbortSignal.timeout(context.timeouts.scale) });
      deepEqual(writesOf(opened), writes, 'the same snapshot again wrote something');
      await crowd(0);
      deepEqual((await host.view()).differences(before).slice(0, 5), [], 'after all peers went');
    },
  },
  {
    id: 'scale-one-moves',
    title: `a peer that moves costs the same among ${THOUSANDS} as among ${FEW}`,
    features: [],
    needs: [],
    run: async (context) => {
      const { crowd, oneMoves } = await crowded(context, context.widest);
      const among = await oneMoves(await crowd(FEW));
      ok(
        Object.values(among).some((count) => count > 0),
        'a peer that moves cost nothing',
      );
      deepEqual(await oneMoves(await crowd(THOUSANDS)), among);
    },
  },
  {
    id: 'scale-tens-of-thousands',
    title: `${TENS_OF_THOUSANDS} peers are put in place and removed`,
    features: [],
    needs: [],
    run: async (context) => {
      const { crowd, opened, host } = await crowded(context, context.single);
      const before = (await host.view()).size;
      await crowd(TENS_OF_THOUSANDS);
      const there = (await host.view()).size - before;
      ok(there >= TENS_OF_THOUSANDS, `${TENS_OF_THOUSANDS} peers, and ${there} objects`);
      await crowd(0);
      ok(opened.network.status().objects < FEW, 'what is wanted without peers');
    },
  },
];
