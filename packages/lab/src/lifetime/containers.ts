import { readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run } from '../system/run.js';

/** The namespaces that containerd has made for pods of hosts of a lab: those that the other ends of their wires are in. */
export async function podNamespaces(hosts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const netns of hosts) {
    const { stdout, code } = await run(['ip', '-n', netns, '-j', 'netns', 'list-id'], { check: false });
    if (code !== 0 || stdout.trim() === '') continue;
    for (const { name } of JSON.parse(stdout) as { readonly name?: string }[]) {
      if (name?.startsWith('cni-')) found.add(name);
    }
  }
  return [...found];
}

/** Unmounts everything below a folder, the innermost first, also what is still in use. */
export async function unmountBelow(folder: string): Promise<void> {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${path.resolve(folder)}/`))
    .sort((a, b) => b.length - a.length);
  for (const point of points) await run(['umount', '-l', point], { check: false });
}

/**
 * Where containerd keeps a folder for each container, below that of its kubelet: for one that runs, and for one that it
 * has not forgotten yet. When it is killed in the midst of ending one, the first may be gone and the others not.
 */
const KNOWN = [
  'state/io.containerd.runtime.v2.task/k8s.io',
  ...['state', 'containerd'].flatMap((part) =>
    ['containers', 'sandboxes'].map((each) => `${part}/io.containerd.grpc.v1.cri/${each}`),
  ),
];

const CGROUPS = '/sys/fs/cgroup';
const LOG_LINKS = '/var/log/containers';
const CNI_RESULTS = '/var/lib/cni/results';

/**
 * Removes what containers of a lab that were not ended in order have left outside of its folder: their cgroups, the links
 * that kubelets make to their logs, and what CNI remembers of them.
 */
export function removeTraces(folder: string): void {
  const folders = names(folder).flatMap((host) => KNOWN.map((each) => path.join(folder, host, 'kubelet', each)));
  const ids = [...new Set(folders.flatMap(names))];
  for (const controller of names(CGROUPS)) {
    const parent = path.join(CGROUPS, controller, 'k8s.io');
    for (const id of ids) removeEmpty(path.join(parent, id));
    if (ids.length > 0) removeEmpty(parent);
  }
  for (const name of names(LOG_LINKS)) {
    const link = path.join(LOG_LINKS, name);
    if (ids.some((id) => name.includes(id)) || pointsBelow(link, folder)) rmSync(link, { force: true });
  }
  for (const name of names(CNI_RESULTS)) {
    if (ids.some((id) => name.includes(id))) rmSync(path.join(CNI_RESULTS, name), { force: true });
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not there, or somebody else's are in it.
  }
}

function pointsBelow(link: string, folder: string): boolean {
  try {
    return readlinkSync(link).startsWith(`${path.resolve(folder)}/`);
  } catch {
    return false;
  }
}
