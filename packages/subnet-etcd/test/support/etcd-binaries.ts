import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, test } from '@jest/globals';

const missing = ['etcd', 'etcdctl', 'openssl'].filter((tool) => {
  const { error } = spawnSync(tool, ['--version'], { stdio: 'ignore', timeout: 10_000 });
  return error !== undefined;
});

/** A group of tests on a real etcd. Where there is none they are skipped, by name and with the reason, but never in CI. */
export function describeWithEtcd(name: string, body: () => void): void {
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const reason = `${missing.join(' and ')} missing; install etcd-server, etcd-client and openssl (Debian's names)`;
  if (process.env['CI'] !== undefined) {
    test(`${name}`, () => {
      throw new Error(reason);
    });
    return;
  }
  describe.skip(`${name} (${reason})`, body);
}
