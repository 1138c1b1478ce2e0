import { afterEach, describe, expect, test } from '@jest/globals';
import type { UdpCounters } from '@overlay/backend-udp';
import type { LabHost } from '@overlay/lab';
import { innerPacket } from '../support/inner-packet.js';
import { UdpHosts } from '../support/udp-hosts.js';
import { program } from '../support/udp-pair.js';

const POD = '10.244.1.2';
const PEER_POD = '10.244.2.2';
const WAIT_MS = 15_000;

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

/** Sends bytes by UDP to the first host's tunnel, from whichever port. */
async function send(from: LabHost, payloads: readonly Buffer[]): Promise<void> {
  const to = hosts.hosts[0].host.addresses.ipv4 ?? '';
  await from.exec(program('send-datagrams', to, 8285, 1, ...payloads.map((payload) => payload.toString('hex'))));
}

function counters(): UdpCounters {
  return hosts.hosts[0].network.status().dataPath.counters;
}

async function counted(done: (counters: UdpCounters) => boolean): Promise<UdpCounters> {
  for (const end = Date.now() + WAIT_MS; !done(counters()) && Date.now() < end;) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return counters();
}

/** Two hosts that know each other, and a third that nobody knows. */
async function create(filter: 'enforce' | 'count' | 'off'): Promise<{ peer: LabHost; stranger: LabHost }> {
  hosts = await UdpHosts.create({ hosts: [{ filter }, {}, {}], families: ['ipv4'] });
  const [one, two, three] = hosts.hosts;
  await hosts.tell(one, { type: 'snapshot', leases: [two.lease] });
  return { peer: two.host, stranger: three.host };
}

const good = innerPacket({ from: PEER_POD, to: POD });

describe('what comes to the user path from outside', () => {
  test('is taken only from where it says, for where it says, and each drop is counted', async () => {
    const { peer, stranger } = await create('enforce');
    const before = counters();
    await send(peer, [good, Buffer.concat([good, Buffer.alloc(7)])]);
    // The host itself, which a pod has asked by that address.
    await send(peer, [innerPacket({ from: '192.168.77.12', to: POD })]);
    await send(peer, [innerPacket({ from: '10.244.3.2', to: POD }), innerPacket({ from: '10.244.1.3', to: POD })]);
    await send(peer, [innerPacket({ from: '127.0.0.1', to: POD }), innerPacket({ from: '192.168.77.11', to: POD })]);
    await send(peer, [
      innerPacket({ from: PEER_POD, to: '10.244.3.2' }),
      innerPacket({ from: PEER_POD, to: '224.0.0.1' }),
    ]);
    await send(stranger, [good, innerPacket({ from: '10.244.9.2', to: POD })]);
    const after = await counted(({ drops }) => drops['unknown-sender'] === 2);
    expect(after.received.packets - before.received.packets).toBe(3);
    expect(after.drops).toEqual({ ...before.drops, 'wrong-source': 4, 'wrong-destination': 2, 'unknown-sender': 2 });
    const { findings } = hosts.hosts[0].network.status().dataPath;
    expect(findings).toEqual([
      expect.objectContaining({
        check: 'udp-sender',
        message: 'packets of 10.244.2.0/24 come from 192.168.77.13, an address that its host does not publish',
      }),
    ]);
  }, 120_000);

  test('is not believed about its lengths', async () => {
    const { peer } = await create('enforce');
    const altered = (at: number, value: number): Buffer => {
      const copy = Buffer.from(good);
      copy[at] = value;
      return copy;
    };
    const lies = [
      good.subarray(0, 1),
      good.subarray(0, 19),
      good.subarray(0, 30),
      altered(0, 0x55),
      altered(0, 0x43),
      altered(0, 0x4f),
      altered(2, 0xff),
      altered(3, 19),
      altered(0, 0x65),
      Buffer.from('ff'.repeat(1400), 'hex'),
    ];
    await send(peer, [...lies, Buffer.alloc(0), good]);
    const { drops, received } = await counted((now) => now.received.packets === 1);
    expect(drops).toEqual({ malformed: lies.length + 1 });
    expect(received.packets).toBe(1);
  }, 120_000);

  test('is only counted if so wished', async () => {
    const { peer, stranger } = await create('count');
    await send(peer, [innerPacket({ from: '10.244.3.2', to: POD })]);
    await send(stranger, [good]);
    const { drops, passed } = await counted(({ received }) => received.packets === 2);
    expect(drops).toEqual({});
    expect(passed).toEqual({ 'wrong-source': 1, 'unknown-sender': 1 });
  }, 120_000);

  test('from a host that floods it with packets of nobody leaves the others undisturbed', async () => {
    const { peer, stranger } = await create('enforce');
    const flood = Array.from({ length: 500 }, (_, i) => innerPacket({ from: `10.200.${i & 255}.1`, to: POD }));
    await Promise.all([send(stranger, flood), send(peer, [good, good, good])]);
    const { drops, received } = await counted((now) => now.drops['unknown-sender'] === 500);
    expect(drops).toEqual({ 'unknown-sender': 500 });
    expect(received.packets).toBe(3);
  }, 120_000);
});
