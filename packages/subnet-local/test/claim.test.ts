import { parseLeaseKey } from '@overlay/core';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PerFamily, Prefix } from '@overlay/core';
import { Claim } from '../dist/allocation/claim.js';
import { LeaseDirectory } from '../dist/directory/lease-directory.js';
import type { LeaseRecord } from '../dist/directory/lease-record.js';
import { isExpired } from '../dist/directory/lease-record.js';
import { removeIf } from '../dist/directory/remove.js';
import { hostTag, ticketDispenser } from '../dist/directory/work-names.js';
import { encodeLease } from '../dist/format/lease-content.js';
import { attributesOf } from './support/local-host.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const DUAL = '10.5.8.0-24&fd00:5:0:8::-64';
const ended = (record: LeaseRecord): boolean => isExpired(record, Date.now());

describe('the protocol of claims', () => {
  let temporary: ReturnType<typeof temporaryDirectory>;
  let directory: LeaseDirectory;

  beforeEach(() => {
    temporary = temporaryDirectory();
    directory = new LeaseDirectory(temporary.path);
  });
  afterEach(() => temporary.remove());

  const text = (n: number, expiresAt = Date.now() + 60_000): string =>
    encodeLease({ attributes: attributesOf(n), hostId: `host-${n}`, expiresAt });

  async function stake(n: number, lease: string, ticket = ticketDispenser()()): Promise<Claim> {
    const subject = { lease, subnets: parseLeaseKey(lease) as PerFamily<Prefix>, host: hostTag(`host-${n}`) };
    return Claim.stake(directory, subject, ticket, text(n));
  }

  const kind = (claim: Claim, n: number): string =>
    claim.check((record) => record.hostId === `host-${n}`, Date.now()).kind;

  const early = 'aaaaaaaaa-00000000-000000';
  const late = 'aaaaaaaab-00000000-000000';

  test.each([
    ['the same subnet', '10.5.8.0-24', '10.5.8.0-24'],
    ['a wider one around it', '10.5.8.0-24', '10.5.0.0-16'],
    ['the same IPv4 subnet with an IPv6 one', '10.5.8.0-24', DUAL],
    ['only the IPv6 subnet in common', '10.5.9.0-24&fd00:5:0:8::-64', DUAL],
  ])('of two claims on %s the younger one withdraws', async (_what, first, second) => {
    const older = await stake(1, first, early);
    const younger = await stake(2, second, late);
    expect([kind(older, 1), kind(younger, 2)]).toEqual(['wait', 'yield']);
    younger.withdraw();
    expect(kind(older, 1)).toBe('clear');
    expect(older.create()).toBe(true);
    older.withdraw();
    const next = await stake(2, second);
    expect(kind(next, 2)).toBe('taken');
  });

  test('claims on different subnets do not meet, but those of one host do', async () => {
    const first = await stake(1, '10.5.8.0-24', early);
    const second = await stake(2, '10.5.9.0-24&fd00:5:0:9::-64', late);
    expect([kind(first, 1), kind(second, 2)]).toEqual(['clear', 'clear']);
    const same = await stake(1, '10.5.10.0-24', late);
    expect(kind(same, 1)).toBe('yield');
  });

  test('a claim that was removed as too old cannot become a lease, new or rewritten', async () => {
    const claim = await stake(1, '10.5.8.0-24');
    expect(kind(claim, 1)).toBe('clear');
    rmSync(directory.file(claim.name));
    expect(claim.create()).toBe(false);
    expect(claim.replace()).toBe(false);
    expect(kind(claim, 1)).toBe('yield');
    expect(readdirSync(temporary.path)).toEqual([]);
  });

  test('a lease that was put there by hand after the check is not written over', async () => {
    const claim = await stake(1, '10.5.8.0-24');
    expect(kind(claim, 1)).toBe('clear');
    writeFileSync(join(temporary.path, '10.5.8.0-24'), text(2));
    expect(claim.create()).toBe(false);
    expect(readFileSync(join(temporary.path, '10.5.8.0-24'), 'utf8')).toContain('host-2');
  });

  test('a file on its way out holds its subnets up', async () => {
    const claim = await stake(1, '10.5.8.0-24');
    writeFileSync(join(temporary.path, `.gone.${early}.10.5.8.0-24`), text(2));
    expect(kind(claim, 1)).toBe('wait');
  });

  test('a lease that was renewed between the decision to remove it and the removal is put back', () => {
    const path = join(temporary.path, '10.5.8.0-24');
    writeFileSync(path, text(1, Date.now() - 1000));
    expect(ended((directory.read('10.5.8.0-24') as { record: LeaseRecord }).record)).toBe(true);
    writeFileSync(path, text(1)); // The renewal, after the decision.
    const renewed = readFileSync(path, 'utf8');
    expect(removeIf(directory, '10.5.8.0-24', ticketDispenser()(), ended)).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(renewed);
    expect(readdirSync(temporary.path)).toEqual(['10.5.8.0-24']);
  });

  test('what has ended is removed, and what is spoilt is put back', () => {
    writeFileSync(join(temporary.path, '10.5.8.0-24'), text(1, Date.now() - 1000));
    expect(removeIf(directory, '10.5.8.0-24', ticketDispenser()(), ended)).toBe(true);
    expect(removeIf(directory, '10.5.8.0-24', ticketDispenser()(), ended)).toBe(false);
    writeFileSync(join(temporary.path, '10.5.9.0-24'), 'no lease');
    expect(removeIf(directory, '10.5.9.0-24', ticketDispenser()(), ended)).toBe(false);
    expect(existsSync(join(temporary.path, '10.5.9.0-24'))).toBe(true);
    expect(readdirSync(temporary.path)).toHaveLength(1);
  });

  test('tickets of one undertaking stay before those of a later one, and never come twice', () => {
    const [first, second] = [ticketDispenser(), ticketDispenser()];
    const tickets = [first(), first(), first()];
    expect(new Set(tickets).size).toBe(3);
    expect([...tickets].sort()).toEqual(tickets);
    const other = second();
    expect(tickets.every((ticket) => ticket < other) || tickets.every((ticket) => ticket > other)).toBe(true);
  });
});
