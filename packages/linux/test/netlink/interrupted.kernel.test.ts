import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dumpAddresses } from '../../dist/netlink/index.js';
import { JobKind, loadNative } from '../../dist/netlink/native.js';
import { Namespace } from './namespace.js';

const ADDRESSES = 2000;
let host: Namespace;
let churn: ChildProcess;

/** Many addresses, so that a dump takes several parts, and a program that adds and removes another one all the time. */
beforeEach(() => {
  host = new Namespace('i');
  host.batch([
    'link add br0 type bridge',
    ...Array.from({ length: ADDRESSES }, (_, n) => `address add 10.1.${n >> 8}.${n & 255}/32 dev br0`),
  ]);
  churn = spawn('ip', ['-n', host.name, '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const stdin = churn.stdin;
  if (stdin === null) throw new Error('no pipe to ip');
  stdin.on('error', () => undefined); // it is killed while we write
  const lines = 'address add 10.9.9.9/32 scope link dev br0\naddress del 10.9.9.9/32 dev br0\n'.repeat(500);
  const feed = (): void => {
    while (!stdin.destroyed && stdin.write(lines));
  };
  stdin.on('drain', feed);
  feed();
});

afterEach(async () => {
  const ended = once(churn, 'close');
  churn.kill('SIGKILL');
  await ended;
  host.remove();
});

test('the addon tells of a dump that changes disturbed', async () => {
  const native = loadNative();
  let done: (interrupted: boolean) => void = () => undefined;
  const opened = native.openRequest({ netns: host.path }, (_id, _errno, _offset, _text, interrupted) =>
    done(interrupted),
  );
  try {
    const end = Date.now() + 20_000;
    let dumps = 0;
    for (let interrupted = false; !interrupted; dumps++) {
      if (Date.now() > end) throw new Error(`none of ${dumps} dumps was disturbed`);
      const answer = new Promise<boolean>((resolve) => (done = resolve));
      native.submit(opened.handle, dumps, JobKind.dump, dumpAddresses({ family: 'ipv4' }));
      interrupted = await answer;
    }
    expect(dumps).toBeGreaterThan(0);
  } finally {
    native.closeRequest(opened.handle);
  }
});
