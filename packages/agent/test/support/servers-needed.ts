import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from '@jest/globals';
import { BUILD_SCRIPT, KUBERNETES } from './kubernetes-servers.js';

function describeWith(name: string, reason: string | undefined, body: () => void): void {
  if (reason === undefined) {
    describe(name, body);
  } else if (process.env['CI'] === undefined) {
    describe.skip(`${name} (${reason})`, body);
  } else {
    test(name, () => {
      throw new Error(reason);
    });
  }
}

/** Tests on a real etcd. Where there is none they are skipped, by name and with the reason, but never in CI. */
export function describeWithEtcd(name: string, body: () => void): void {
  const missing = ['etcd', 'etcdctl'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  const reason = `${missing.join(' and ')} missing; install etcd-server and etcd-client (Debian's names)`;
  describeWith(name, missing.length === 0 ? undefined : reason, body);
}

/** The same on a real Kubernetes API server. */
export function describeWithKubernetes(name: string, body: () => void): void {
  describeWith(name, withoutServers(['etcd', 'kube-apiserver', 'kube-controller-manager']), body);
}

/** The same with kubelets, and containers. */
export function describeWithKubelets(name: string, body: () => void): void {
  const tools = ['/usr/bin/containerd', '/usr/sbin/runc', '/usr/lib/cni/bridge', '/usr/bin/busybox'];
  const missing = tools.filter((file) => !existsSync(file));
  const install = 'install containerd, runc, containernetworking-plugins and busybox-static (Debian’s names)';
  const reason =
    missing.length > 0
      ? `${missing.join(' and ')} missing; ${install}`
      : withoutServers(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubelet']);
  describeWith(name, reason, body);
}

function withoutServers(programs: readonly string[]): string | undefined {
  const there = (): boolean => programs.every((program) => existsSync(join(KUBERNETES, program)));
  if (!there() && process.env['CI'] !== undefined) spawnSync(process.execPath, [BUILD_SCRIPT, ...programs]);
  return there() ? undefined : 'no servers of Kubernetes; build them with node scripts/kubernetes/build.mjs';
}
