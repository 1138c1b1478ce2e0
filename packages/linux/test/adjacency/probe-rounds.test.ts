import { expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import { ProbeRounds } from '../../dist/adjacency/probe-rounds.js';

const address = (at: number): Address => `10.0.${at >> 8}.${at & 255}` as Address;
const addresses = (from: number, to: number): Address[] =>
  Array.from({ length: to - from }, (_, at) => address(from + at));

function known(all: readonly Address[], doubtful: readonly Address[] = []) {
  const followed = new Set(all);
  return { followed, addresses: () => all, doubtful: () => doubtful, follows: (one: Address) => followed.has(one) };
}

test('everybody has a turn in each round, however many there are, and then there is a rest', () => {
  const rounds = new ProbeRounds(known(addresses(0, 600)), 256);
  expect(rounds.next(0)).toEqual(addresses(0, 256));
  expect(rounds.next(1_000)).toEqual(addresses(256, 512));
  expect(rounds.next(2_000)).toEqual(addresses(512, 600));
  expect(rounds.next(29_999)).toEqual([]);
  expect(rounds.next(30_000)).toEqual(addresses(0, 256));
});

test('a round that takes longer than the rest is followed by the next one', () => {
  const rounds = new ProbeRounds(known(addresses(0, 4)), 2);
  expect(rounds.next(0)).toEqual(addresses(0, 2));
  expect(rounds.next(40_000)).toEqual(addresses(2, 4));
  expect(rounds.next(40_001)).toEqual(addresses(0, 2));
});

test('the doubtful go round without a rest, beside the others', () => {
  const rounds = new ProbeRounds(known(addresses(0, 500), addresses(100, 500)), 256);
  rounds.next(0);
  expect(new Set(rounds.next(1_000))).toEqual(new Set([...addresses(356, 500), ...addresses(256, 500)]));
  expect(rounds.next(2_000)).toEqual(addresses(100, 356));
  expect(rounds.next(3_000)).toEqual(addresses(356, 500));
});

test('who is followed no more is not asked about', () => {
  const all = known(addresses(0, 4));
  const rounds = new ProbeRounds(all, 2);
  rounds.next(0);
  all.followed.delete(address(2));
  expect(rounds.next(1_000)).toEqual([address(3)]);
});
