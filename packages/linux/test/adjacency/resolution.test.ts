import { expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { FAILURES_TO_FALL_BACK, Resolution } from '../../dist/adjacency/resolution.js';

const peer = parseAddress('192.168.1.7');

test('one answer makes a neighbour, and only several failures in a row unmake it', () => {
  const resolution = new Resolution();
  expect(resolution.heard(peer, 'reachable')).toBe(false);
  resolution.follow(peer);
  expect(resolution.heard(peer, 'incomplete')).toBe(false);
  expect(resolution.heard(peer, 'reachable')).toBe(true);
  for (let failure = 1; failure < FAILURES_TO_FALL_BACK; failure += 1) {
    expect(resolution.heard(peer, 'failed')).toBe(false);
    expect(resolution.resolved(peer)).toBe(true);
  }
  expect(resolution.heard(peer, 'failed')).toBe(true);
  expect(resolution.resolved(peer)).toBe(false);
});

test('an answer in between starts the count again', () => {
  const resolution = new Resolution();
  resolution.follow(peer);
  resolution.heard(peer, 'reachable');
  for (let round = 0; round < 5; round += 1) {
    resolution.heard(peer, 'failed');
    resolution.heard(peer, 'failed');
    resolution.heard(peer, 'reachable');
  }
  expect(resolution.resolved(peer)).toBe(true);
});

test('one that was known before counts until it fails, and is asked again while in doubt', () => {
  const resolution = new Resolution();
  resolution.follow(peer);
  expect([...resolution.doubtful()]).toEqual([peer]);
  expect(resolution.heard(peer, 'stale')).toBe(true);
  expect([...resolution.doubtful()]).toEqual([]);
  resolution.heard(peer, 'failed');
  expect([...resolution.doubtful()]).toEqual([peer]);
  resolution.unfollow(peer);
  expect(resolution.resolved(peer)).toBe(false);
});
