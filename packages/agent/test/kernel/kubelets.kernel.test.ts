import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import type { LabReport } from '@overlay/lab';
import { Program, run } from '../support/program.js';
import { KUBERNETES } from '../support/kubernetes-servers.js';
import { describeWithKubelets } from '../support/servers-needed.js';
import { until } from '../support/until.js';

const env = { OVERLAY_LAB_KUBERNETES: KUBERNETES };
const ARGUMENTS = ['lab', '--store=kube', '--kubelets'];

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Whatever containers leave on a machine: their cgroups, mounts, namespaces, processes, log links, CNI's memory of them. */
function traces(): string[] {
  const cgroups = list('/sys/fs/cgroup').flatMap((name) =>
    list(join('/sys/fs/cgroup', name, 'k8s.io')).filter((entry) => /^[0-9a-f]{64}$/.test(entry)),
  );
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes('/kubelet/'));
  const namespaces = list('/run/netns').filter((name) => name.startsWith('cni-'));
  const processes = list('/proc').filter((pid) => {
    try {
      return /\/(containerd|containerd-shim-runc-v2|kubelet)$/.test(readlinkSync(join('/proc', pid, 'exe')));
    } catch {
      return false;
    }
  });
  return [
    ...cgroups,
    ...mounts,
    ...namespaces,
    ...processes,
    ...list('/var/log/containers'),
    ...list('/var/lib/cni/results'),
  ];
}

describeWithKubelets('overlay lab --store kube --kubelets', () => {
  const before = new Set(traces());
  const left = (): string[] => traces().filter((trace) => !before.has(trace));

  afterEach(async () => {
    await run({ name: 'overlay', args: ['lab', 'down'] });
    expect(left()).toEqual([]);
  }, 60_000);

  test.each([
    ['vxlan', 'ipv4'],
    ['host-gw', 'dual'],
  ])(
    '%s, %s: three Nodes get ready, and pods of the API reach each other and are reached',
    async (type, family) => {
      const args = [...ARGUMENTS, `--backend=${type}`, `--family=${family}`, '--json'];
      const { code, stdout, stderr } = await run({ name: 'overlay', args, env });
      expect(stderr).toContain('every host is a Node that is ready, and its network is not unavailable');
      const report = JSON.parse(stdout) as LabReport;
      expect(report).toMatchObject({ ok: true, store: 'kube', backend: type });
      expect(report.hosts.map(({ pods }) => pods.map(({ netns }) => netns.slice(0, 4)))).toEqual(
        Array(3).fill(['cni-']),
      );
      // A packet from a host's network arrives at a pod with the host's address: both ways are pinged without NAT.
      const kinds = report.pings.map(({ kind, family: of }) => `${kind} ${of}`);
      const families = family === 'dual' ? ['ipv4', 'ipv6'] : [family];
      const all = ['pod-pod', 'host-pod', 'pod-host'].flatMap((kind) => families.map((of) => `${kind} ${of}`));
      expect(new Set(kinds)).toEqual(new Set(all));
      expect(code).toBe(0);
      expect(left()).toEqual([]);
    },
    240_000,
  );

  test('killed while containers run: the next command removes everything', async () => {
    await using lab = new Program({ name: 'overlay', args: [...ARGUMENTS, '--hosts=2', '--keep'], env });
    await until(() => lab.stderr.includes('pods started'), 'pods run', 150_000);
    lab.kill('SIGKILL');
    await lab.exited;
    expect(left().length).toBeGreaterThan(0);
  }, 240_000);
});
