import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, test } from '@jest/globals';

/** Tests on a real etcd. Where there is none they are skipped, by name and with the reason, but never in CI. */
export function describeWithEtcd(name: string, body: () => void): void {
  const missing = ['etcd', 'etcdctl'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const reason = `${missing.join(' and ')} missing; install etcd-server and etcd-client (Debian's names)`;
  if (process.env['CI'] === undefined) {
    describe.skip(`${name} (${reason})`, body);
    return;
  }
  test(name, () => {
    throw new Error(reason);
  });
}
