import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Backend, Finding } from '@overlay/core';
import { HandClock, RecordingLogger } from '@overlay/core/testing';
import { Preflight } from '../../dist/agent/preflight.js';

const FIREWALL: Finding = { level: 'warning', check: 'forward-policy', message: 'it drops', remedy: 'let it pass' };
const MODULE: Finding = { level: 'error', check: 'link-kind', message: 'no module', remedy: 'load it' };

let clock: HandClock;
let logger: RecordingLogger;
let found: readonly Finding[] | Error;
let asked: number;
let changes: number;
let preflight: Preflight;

const backend = (): Backend =>
  ({
    preflight: () => {
      asked += 1;
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
    },
  }) as unknown as Backend;

beforeEach(() => {
  clock = new HandClock();
  logger = new RecordingLogger();
  found = [];
  asked = changes = 0;
  preflight = new Preflight({ clock, logger, changed: () => (changes += 1) });
});

afterEach(() => preflight.close());

const pass = (ms: number): Promise<void> => clock.advance(ms);

test('what comes later is found, what stays is said once, and what is mended is shown no more', async () => {
  const one = backend();
  found = [MODULE];
  preflight.run(one, undefined);
  await pass(1000);
  expect(preflight.findings).toEqual([MODULE]);
  found = [MODULE, FIREWALL];
  await pass(300_000);
  expect(preflight.findings).toEqual([MODULE, FIREWALL]);
  found = [MODULE];
  await pass(300_000);
  expect(preflight.findings).toEqual([MODULE]);
  expect(logger.lines).toEqual(['error no module; load it', 'warn it drops; let it pass', 'info no longer: it drops']);
  expect(changes).toBe(3);
});

test('what cannot be looked for is looked for again', async () => {
  found = new Error('no such tool');
  preflight.run(backend(), undefined);
  await pass(1000);
  found = [FIREWALL];
  await pass(300_000);
  expect(preflight.findings).toEqual([FIREWALL]);
});

test('another backend is asked in the place of the first, and nobody when it is closed', async () => {
  const [one, other] = [backend(), backend()];
  preflight.run(one, undefined);
  preflight.run(one, undefined);
  await pass(1000);
  expect(asked).toBe(1);
  preflight.run(other, undefined);
  await pass(1000);
  expect(asked).toBe(2);
  preflight.close();
  await pass(1_000_000);
  expect(asked).toBe(2);
});
