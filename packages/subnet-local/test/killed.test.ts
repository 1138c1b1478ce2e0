import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseLeaseKey, parseNetConf, prefixesOverlap } from '@overlay/core';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { firstValueFrom } from 'rxjs';
import { encodeLease } from '../dist/format/lease-content.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const PROGRAM = fileURLToPath(new URL('./support/killed-host.js', import.meta.url));
const FOUR = '{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.11.0"}';
const netConf = parseNetConf(FOUR);
const { signal } = new AbortController();

describe('kill -9 at every step of an acquisition', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let end: AbortController;

  beforeEach(() => {
    directory = temporaryDirectory();
    end = new AbortController();
  });
  afterEach(() => {
    // A process that waits in vain is not to outlive its test.
    end.abort();
    directory.remove();
  });

  function run(hostId: string, conf: string, nth: number): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      execFile(
        process.execPath,
        [PROGRAM, directory.path, hostId, conf, String(nth)],
        { signal: end.signal, killSignal: 'SIGTERM' },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else if (error.signal === 'SIGKILL') resolve(undefined);
          else reject(new Error(stderr, { cause: error }));
        },
      );
    });
  }

  /** Kills at step 1, 2, … until a process comes through, and has `check` look each time. */
  async function everyStep(prepare: () => void, conf: string, check: () => Promise<void>): Promise<number> {
    for (let nth = 1; ; nth++) {
      rmSync(directory.path, { recursive: true });
      mkdirSync(directory.path);
      prepare();
      const output = await run('victim', conf, nth);
      expectWholeLeases(directory.path);
      await check();
      if (output !== undefined) return nth - 1;
    }
  }

  async function acquire(hostId: string, n: number): Promise<string> {
    const manager = new LocalSubnetManager({ directory: directory.path, netConf, ttlMs: 60_000 });
    try {
      const attributes = { backendType: 'host-gw', ipv4: { publicIP: `192.0.2.${n}` } } as never;
      const own = await manager.acquire({ hostId, netConf, attributes }, { signal });
      return (await firstValueFrom(own.state$)).lease.subnets.ipv4 as string;
    } finally {
      await manager.close();
    }
  }

  test('of a first lease: the next host and the same host get one at once', async () => {
    const steps = await everyStep(
      () => undefined,
      FOUR,
      async () => {
        const started = performance.now();
        const others = await Promise.all([acquire('other-1', 2), acquire('other-2', 3)]);
        const again = await acquire('victim', 1);
        expect(new Set([...others, again]).size).toBe(3);
        expect(performance.now() - started).toBeLessThan(5000);
        expectWholeLeases(directory.path);
      },
    );
    expect(steps).toBeGreaterThan(10);
  }, 120_000);

  test('of a move to another subnet: the host has exactly one lease after its next start', async () => {
    const old = encodeLease({
      attributes: { backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' as never } },
      hostId: 'victim',
      expiresAt: Date.now() + 60_000,
    });
    const steps = await everyStep(
      () => writeFileSync(join(directory.path, '10.5.16.0-24'), old),
      FOUR,
      async () => {
        const subnet = await acquire('victim', 1);
        const leases = readdirSync(directory.path).filter((name) => !name.startsWith('.'));
        expect(leases).toEqual([subnet.replace('/', '-')]);
      },
    );
    expect(steps).toBeGreaterThan(10);
  }, 120_000);

  test('of taking the place of a lease that has ended: its subnet is not lost', async () => {
    const ended = encodeLease({
      attributes: { backendType: 'host-gw', ipv4: { publicIP: '192.0.2.9' as never } },
      hostId: 'long-gone',
      expiresAt: Date.now() - 60_000,
    });
    const single = '{"Network":"10.5.0.0/16","SubnetMin":"10.5.16.0","SubnetMax":"10.5.16.0"}';
    const steps = await everyStep(
      () => writeFileSync(join(directory.path, '10.5.16.0-24'), ended),
      single,
      async () => {
        expect(JSON.parse((await run('victim', single, 0)) ?? 'null')).toEqual({ ipv4: '10.5.16.0/24' });
      },
    );
    expect(steps).toBeGreaterThan(10);
  }, 120_000);
});

/** Every file that a reader would take for a lease is one, whole, and no two overlap. */
function expectWholeLeases(directory: string): void {
  const names = readdirSync(directory).filter((name) => !name.startsWith('.'));
  const subnets = names.map((name) => {
    expect(JSON.parse(readFileSync(join(directory, name), 'utf8'))).toMatchObject({
      PublicIP: expect.any(String),
      HostID: expect.any(String),
      Expires: expect.any(String),
    });
    return parseLeaseKey(name)?.ipv4;
  });
  for (const [at, a] of subnets.entries()) {
    for (const b of subnets.slice(at + 1))
      expect(a !== undefined && b !== undefined && prefixesOverlap(a, b)).toBe(false);
  }
}
