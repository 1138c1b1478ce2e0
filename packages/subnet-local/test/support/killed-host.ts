/**
 * A host whose process kills itself (SIGKILL, so nothing is tidied up) before the n-th call of those that change or list
 * the directory. When it comes through it prints its subnets.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [directory, hostId, conf, nth] = process.argv.slice(2) as [string, string, string, string];
const fatal = Number(nth);
let calls = 0;

function step<T>(run: () => T): T {
  calls++;
  if (calls === fatal) process.kill(process.pid, 'SIGKILL');
  return run();
}

type Call = (...args: unknown[]) => unknown;
const patched = fs as unknown as Record<string, Call>;
for (const name of ['openSync', 'fsync', 'renameSync', 'linkSync', 'unlinkSync', 'readdirSync', 'mkdirSync']) {
  const original = patched[name];
  patched[name] = (...args) => step(() => original.apply(fs, args));
}
const write = patched.writeFileSync;
patched.writeFileSync = (fd, text) => {
  // A process can be killed when a part of its text is written: that is a step of its own.
  const half = String(text).slice(0, String(text).length / 2);
  step(() => write(fd, half));
  step(() => write(fd, String(text).slice(half.length)));
};
syncBuiltinESMExports();

const { parseNetConf } = await import('@overlay/core');
const { LocalSubnetManager } = await import('@overlay/subnet-local');
const { firstValueFrom } = await import('rxjs');

const netConf = parseNetConf(conf);
calls = 0;
const manager = new LocalSubnetManager({ directory, netConf, ttlMs: 60_000 });
const attributes = { backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } } as never;
const own = await manager.acquire({ hostId, netConf, attributes }, { signal: new AbortController().signal });
process.stdout.write(JSON.stringify((await firstValueFrom(own.state$)).lease.subnets));
process.exit(0);
