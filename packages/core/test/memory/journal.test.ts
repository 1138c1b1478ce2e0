import { describe, expect, test } from '@jest/globals';
import type { Lease } from '@overlay/core';
import { parseNetConf, parsePrefix } from '@overlay/core';
import type { Entry } from '../../dist/memory/journal.js';
import { JournalWriter, readJournal } from '../../dist/memory/journal.js';
import type { Memory } from '../../dist/memory/memory.js';
import { whyForgotten } from '../../dist/memory/memory.js';

const OWNER = { hostId: 'a', store: 'etcd /x' };
const netConf = parseNetConf(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan"}}',
);

function lease(key: string, n: number, more: object = {}): Lease {
  return {
    key,
    subnets: { ipv4: `10.5.${n}.0/24`, ipv6: `fd00:5:0:${n}::/64` },
    attributes: {
      backendType: 'vxlan',
      ipv4: { publicIP: `192.0.2.${n}`, data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' } },
      ipv6: { publicIP: `2001:db8::${n}` },
    },
    ...more,
  } as unknown as Lease;
}

const own = lease('a', 1, { expiresAt: 9_000 });
const strange = lease('<ü\u2028"', 3);

function written(...entries: readonly Entry[]): string {
  const writer = new JournalWriter();
  return writer.begin(OWNER) + entries.map((entry) => writer.write(entry)).join('');
}

const START: readonly Entry[] = [
  { type: 'config', netConf },
  { type: 'own', lease: own },
  { type: 'set', lease: own },
  { type: 'set', lease: lease('b', 2) },
  { type: 'set', lease: strange },
  { type: 'confirmed', at: 1_000 },
];

function read(text: string): Memory {
  const memory = readJournal(text, OWNER);
  if ('problem' in memory) throw new Error(memory.problem);
  return memory;
}

describe('the text of a memory', () => {
  test('says what was written', () => {
    const memory = read(written(...START));
    expect(memory).toEqual({ netConf, own, leases: [own, lease('b', 2), strange], at: 1_000 });
  });

  test('goes on with what was added', () => {
    const renewed = lease('a', 1, { expiresAt: 19_000 });
    const memory = read(
      written(
        ...START,
        { type: 'own', lease: renewed },
        { type: 'delete', key: 'b' },
        { type: 'set', lease: lease('c', 4) },
        { type: 'confirmed', at: 2_000 },
      ),
    );
    expect(memory).toMatchObject({ own: renewed, at: 2_000 });
    expect(memory.leases.map(({ key }) => key)).toEqual(['a', strange.key, 'c']);
  });

  test('wherever an addition is torn, it is as if it had not been made', () => {
    const start = written(...START);
    const text = written(...START, { type: 'delete', key: 'b' }, { type: 'confirmed', at: 2_000 });
    for (let length = start.length; length < text.length; length++) {
      const memory = read(text.slice(0, length));
      expect([length, memory.at, memory.leases.length]).toEqual([length, 1_000, 3]);
    }
    expect(read(text)).toMatchObject({ at: 2_000 });
  });

  test('torn before the first confirmation, it says nothing', () => {
    const text = written(...START);
    for (let length = 0; length < text.length; length++) {
      expect(readJournal(text.slice(0, length), OWNER)).toHaveProperty('problem');
    }
  });

  test('whatever character is another one, nothing but what comes before it counts', () => {
    const text = written(...START);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === '7' ? '8' : '7';
      expect([at, readJournal(text.slice(0, at) + other + text.slice(at + 1), OWNER)]).toEqual([
        at,
        { problem: expect.any(String) },
      ]);
    }
  });

  test('a line that is missing or at another place ends it', () => {
    const lines = written(...START).split(/(?<=\n)/);
    for (let at = 1; at < lines.length; at++) {
      expect(readJournal(lines.filter((_, other) => other !== at).join(''), OWNER)).toEqual({
        problem: expect.any(String),
      });
    }
    const swapped = [...lines.slice(0, 3), lines[4], lines[3], ...lines.slice(5)].join('');
    expect(readJournal(swapped, OWNER)).toEqual({ problem: expect.any(String) });
  });

  test('that of another host or store, of another version, or of something else is not used', () => {
    const text = written(...START);
    const problem = (other: string, owner = OWNER): unknown => readJournal(other, owner);
    expect(problem(text, { ...OWNER, hostId: 'b' })).toEqual({ problem: 'it is of another host, "a"' });
    expect(problem(text, { ...OWNER, store: 'etcd /y' })).toEqual({ problem: 'it is of another store, "etcd /x"' });
    for (const foreign of ['', '\n', '{}', 'FLANNEL_NETWORK=10.5.0.0/16\n', '0'.repeat(1_000_000)]) {
      expect(problem(foreign)).toEqual({ problem: expect.any(String) });
    }
  });

  test('a lease that means nothing is passed over, a configuration that does is needed', () => {
    const odd = { key: 'odd', subnets: {}, attributes: { backendType: 'x' } } as unknown as Lease;
    const memory = read(written(...START.slice(0, -1), { type: 'set', lease: odd }, ...START.slice(-1)));
    expect(memory.leases).toHaveLength(3);
    expect(readJournal(written(...START.slice(1)), OWNER)).toEqual({
      problem: 'it has no configuration that could be used',
    });
    const without = START.filter(({ type }) => type !== 'own');
    expect(readJournal(written(...without), OWNER)).toEqual({ problem: 'it has no lease of this host' });
  });
});

describe('a memory', () => {
  const memory: Memory = { netConf, own, leases: [], at: 1_000 };

  test('may be gone on with until the own lease ends', () => {
    expect(whyForgotten(memory, 8_999, 'configuration')).toBeUndefined();
    expect(whyForgotten(memory, 9_000, 'configuration')).toMatch(/ended 1970-01-01T00:00:09.000Z/);
    const { expiresAt: _, ...reservation } = own;
    expect(whyForgotten({ ...memory, own: reservation }, 1e12, 'configuration')).toBeUndefined();
  });

  test('may not when the clock is behind, since nobody can tell whether it has ended', () => {
    expect(whyForgotten({ ...memory, at: 100_000 }, 8_000, 'configuration')).toMatch(/clock is behind/);
  });

  test('may not when the lease does not fit the configuration', () => {
    const other = parseNetConf('{"Network":"10.6.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48"}');
    expect(whyForgotten({ ...memory, netConf: other }, 8_000, 'configuration')).toMatch(/does not fit/);
    expect(
      whyForgotten({ ...memory, netConf: parseNetConf('{"Network":"10.5.0.0/16"}') }, 8_000, 'configuration'),
    ).toMatch(/does not fit/);
  });

  test('of a store that gives subnets itself needs one inside the network, of whatever length and place', () => {
    const given = { ...own, subnets: { ...own.subnets, ipv4: parsePrefix('10.5.0.0/25') } };
    expect(whyForgotten({ ...memory, own: given }, 8_000, 'configuration')).toMatch(/does not fit/);
    expect(whyForgotten({ ...memory, own: given }, 8_000, 'store')).toBeUndefined();
    const outside = { ...own, subnets: { ...own.subnets, ipv4: parsePrefix('10.6.0.0/24') } };
    expect(whyForgotten({ ...memory, own: outside }, 8_000, 'store')).toMatch(/does not fit/);
  });
});
