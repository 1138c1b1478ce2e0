import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { sendBatch } from '../../dist/kinds/batch.js';
import type { BatchContext } from '../../dist/kinds/batch.js';

const { signal } = new AbortController();
/** As many as take several sends, of which some are under way together. */
const objects = Array.from({ length: 2000 }, () => ({ link: 'flannel.1' }));

/** A kernel whose answers are given by hand. */
function slowKernel() {
  const sends: { answer(): void; fail(error: Error): void }[] = [];
  const session = {
    send: () =>
      new Promise((resolve, reject) => {
        sends.push({ answer: () => resolve(new Map()), fail: reject });
      }),
  };
  const links = { isReady: true, byName: () => ({ index: 7 }) };
  return { sends, context: { session, links } as unknown as BatchContext };
}

test('a send that fails ends the batch when those under way with it have ended, and fails it once', async () => {
  const { sends, context } = slowKernel();
  let outcome: unknown;
  const ended = sendBatch(context, objects, () => new Uint8Array(16), { signal }).then(
    () => (outcome = 'done'),
    (error: unknown) => (outcome = error),
  );
  await turn();
  const [first, ...others] = [...sends];
  expect(others.length).toBeGreaterThan(0);
  const closed = new Error('the port is closed');
  first?.fail(closed);
  await turn();
  expect(outcome).toBeUndefined();
  // They fail too, and nobody else is told: an error that nobody takes ends the process.
  for (const each of others) each.fail(new Error('the port is closed as well'));
  await ended;
  expect(outcome).toBe(closed);
  expect(sends).toHaveLength(1 + others.length);
});
