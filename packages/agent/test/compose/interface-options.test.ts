import { expect, test } from '@jest/globals';
import { OverlayError, parseAddress, silentLogger } from '@overlay/core';
import { askedInterfaceOptions } from '../../dist/compose/interface-options.js';

const given = { iface: ['eth0'], publicIP: '192.0.2.1' };

test('addresses of the store go before those of flags, once the store has answered', async () => {
  const told: object[] = [];
  const waits: (() => void)[] = [];
  const after = (_: number, run: () => void) => (waits.push(run), () => undefined);
  const clock = { now: () => 0, elapsed: () => 0, after };
  const warnings: string[] = [];
  let away = true;
  const ask = async () => {
    if (away) throw new OverlayError('OVERLAY_STORE_UNAVAILABLE', 'nobody answers');
    return { ipv4: parseAddress('192.0.2.9') };
  };
  const logger = { ...silentLogger, warn: (line: string) => void warnings.push(line) };
  askedInterfaceOptions({ given, ask, logger, clock }).subscribe((state) => told.push(state));
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settle();
  waits.shift()?.();
  await settle();
  expect(told).toEqual(Array(2).fill({ waiting: expect.stringContaining('nobody answers; trying again') }));
  expect(warnings).toHaveLength(1);
  away = false;
  waits.shift()?.();
  await settle();
  expect(told.at(-1)).toEqual({ options: { iface: ['eth0'], publicIP: '192.0.2.9' } });
  expect(waits).toEqual([]);
});

test('until the store answers, the addresses that were published before are used', async () => {
  const told: object[] = [];
  const clock = { now: () => 0, elapsed: () => 0, after: () => () => undefined };
  const ask = (): Promise<never> => Promise.reject(new Error('nobody answers'));
  const before = async () => ({ ipv4: parseAddress('192.0.2.7') });
  askedInterfaceOptions({ given, ask, before, logger: silentLogger, clock }).subscribe((state) => told.push(state));
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([{ options: { iface: ['eth0'], publicIP: '192.0.2.7' } }]);
});

test('nothing is asked any more when nobody listens', async () => {
  let asked = 0;
  let aborted = false;
  const ask = ({ signal }: { signal: AbortSignal }): Promise<never> => {
    asked++;
    signal.addEventListener('abort', () => (aborted = true));
    return new Promise(() => undefined);
  };
  askedInterfaceOptions({ given, ask, logger: silentLogger }).subscribe().unsubscribe();
  expect({ asked, aborted }).toEqual({ asked: 1, aborted: true });
});
