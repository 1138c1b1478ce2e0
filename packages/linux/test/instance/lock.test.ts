import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import { acquireInstance } from '../../dist/instance/index.js';
import type { InstanceHolder, InstanceLock } from '../../dist/instance/index.js';

let counter = 0;
const unique = (): string => `ovt-${process.pid}-${++counter}`;
const held: InstanceLock[] = [];
const hold = async (name: string, signal = new AbortController().signal): Promise<InstanceLock> => {
  const lock = await acquireInstance(name, { signal });
  held.push(lock);
  return lock;
};
const childFile = fileURLToPath(new URL('./hold-instance.js', import.meta.url));

afterEach(async () => {
  await Promise.all(held.splice(0).map((lock) => lock.release()));
});

/** An attempt that waits, with what it was told. */
function contend(name: string, signal = new AbortController().signal) {
  const told: InstanceHolder[] = [];
  let tell: () => void;
  const waiting = new Promise<void>((resolve) => (tell = resolve));
  const lock = acquireInstance(name, {
    signal,
    onWaiting: (holder) => {
      told.push(holder);
      tell();
    },
  }).then((taken) => {
    held.push(taken);
    return taken;
  });
  return { told, waiting, lock };
}

describe('acquireInstance', () => {
  test('a second one waits, says for whom, and takes over when the first gives up', async () => {
    const name = unique();
    const before = Date.now();
    const first = await hold(name);
    const second = contend(name);
    await second.waiting;
    expect(second.told).toHaveLength(1);
    expect(second.told[0]?.pid).toBe(process.pid);
    expect(second.told[0]?.startedAt).toBeGreaterThanOrEqual(before);
    const released = performance.now();
    await first.release();
    await expect(second.lock).resolves.toMatchObject({ instance: name });
    expect(performance.now() - released).toBeLessThan(1000);
  });

  test('instances of different names do not meet', async () => {
    const locks = await Promise.all([hold(unique()), hold(unique())]);
    expect(new Set(locks.map(({ instance }) => instance)).size).toBe(2);
  });

  test('of several that wait, one after the other takes over, each once', async () => {
    const name = unique();
    let current = await hold(name);
    const contenders = [contend(name), contend(name), contend(name)];
    await Promise.all(contenders.map(({ waiting }) => waiting));
    let inside = 0;
    let taken = contenders.map(({ lock }) => lock.then((got) => ((inside += 1), got)));
    for (let n = 1; n <= 3; n++) {
      await current.release();
      current = await Promise.race(taken);
      taken = await withoutSettled(taken);
      expect(inside).toBe(n);
    }
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'takes over within a second of the holder being ended by %s',
    async (sig) => {
      const name = unique();
      const child = fork(childFile, [name], { execArgv: [] });
      try {
        expect(await once(child, 'message')).toEqual(['held', undefined]);
        const second = contend(name);
        await second.waiting;
        expect(second.told[0]?.pid).toBe(child.pid);
        const killed = performance.now();
        child.kill(sig);
        await second.lock;
        expect(performance.now() - killed).toBeLessThan(1000);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );

  test('a holder that has stopped is waited for as an unknown one', async () => {
    const name = unique();
    const child = fork(childFile, [name], { execArgv: [] });
    try {
      await once(child, 'message');
      child.kill('SIGSTOP');
      const second = contend(name);
      await second.waiting;
      expect(second.told).toEqual([{}]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('a process that holds an instance ends when it has nothing else to do', async () => {
    const child = fork(childFile, [unique(), 'idle'], { execArgv: [] });
    child.disconnect();
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });

  test('the signal ends the waiting and leaves nothing behind', async () => {
    const name = unique();
    await hold(name);
    const controller = new AbortController();
    const second = contend(name, controller.signal);
    await second.waiting;
    controller.abort(new Error('enough'));
    await expect(second.lock).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  });

  test('a signal that was given before is obeyed, and the name stays free', async () => {
    const name = unique();
    await expect(acquireInstance(name, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
    await hold(name);
  });

  test('release is idempotent and frees the name', async () => {
    const name = unique();
    const lock = await hold(name);
    await Promise.all([lock.release(), lock.release()]);
    await lock[Symbol.asyncDispose]();
    await hold(name);
  });

  test('a stranger who holds the name and hangs up is told as unknown, without spinning', async () => {
    const name = unique();
    let connections = 0;
    const stranger = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    stranger.listen({ path: `\0overlay/${name}` });
    await once(stranger, 'listening');
    const controller = new AbortController();
    const second = contend(name, controller.signal);
    await second.waiting;
    expect(second.told).toEqual([{}]);
    expect(connections).toBeLessThanOrEqual(4);
    controller.abort();
    await expect(second.lock).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    stranger.close();
  });

  test('a waiter that vanishes, or sends nonsense, does not disturb the holder', async () => {
    const name = unique();
    await hold(name);
    const socket = connect({ path: `\0overlay/${name}` });
    await once(socket, 'data');
    socket.write(Buffer.alloc(100_000, 120));
    socket.destroy();
    const second = contend(name);
    await second.waiting;
    expect(second.told[0]?.pid).toBe(process.pid);
    await held[0]?.release();
    await second.lock;
  });

  test.each(['', 'a b', 'a/b', '\0', 'x'.repeat(65), 'é'])('refuses the name %j', async (name) => {
    await expect(acquireInstance(name, { signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'OVERLAY_CONFIG_INVALID',
      key: '--instance',
    });
  });

  test('what onWaiting throws ends the attempt', async () => {
    const name = unique();
    await hold(name);
    const attempt = acquireInstance(name, {
      signal: new AbortController().signal,
      onWaiting: () => {
        throw new Error('no patience');
      },
    });
    await expect(attempt).rejects.toThrow('no patience');
  });
});

async function withoutSettled<T>(promises: readonly Promise<T>[]): Promise<Promise<T>[]> {
  const pending = Symbol('pending');
  const states = await Promise.all(promises.map((promise) => Promise.race([promise, Promise.resolve(pending)])));
  return promises.filter((_, index) => states[index] === pending);
}
