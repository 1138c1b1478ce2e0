import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROUTE_PROTOCOL } from '@overlay/linux';
import { command } from '../command.js';
import type { Namespace } from '../namespace.js';

interface ShownRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly metric?: number;
  readonly flags: readonly string[];
}

interface ShownNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
}

interface ShownFdb {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly state?: string;
}

/** The peers' objects in a namespace, as lines that would make them. */
export interface BatchLines {
  /** For `ip -batch`: neighbours and routes. */
  readonly ip: readonly string[];
  /** For `bridge -batch`: FDB entries. */
  readonly bridge: readonly string[];
  /** The device that the routes leave by. */
  readonly device: string;
}

/** Reads what the backend has put into the kernel: all of it, with every attribute that `ip` can set. */
export async function readObjects({ name }: Namespace, signal: AbortSignal): Promise<BatchLines> {
  const show = async <T>(...argv: string[]): Promise<T[]> =>
    JSON.parse((await command(argv, { signal })) || '[]') as T[];
  const protocol = String(ROUTE_PROTOCOL);
  const routes = await show<ShownRoute>('ip', '-n', name, '-j', 'route', 'show', 'proto', protocol);
  const neighbours = await show<ShownNeighbour>('ip', '-n', name, '-j', 'neigh', 'show', 'nud', 'permanent');
  const fdb = await show<ShownFdb>('bridge', '-n', name, '-j', 'fdb', 'show');
  return {
    ip: [
      ...neighbours.map(({ dst, lladdr, dev }) => `neigh replace ${dst} lladdr ${lladdr} dev ${dev} nud permanent`),
      ...routes.map((route) => routeLine(route, protocol)),
    ],
    bridge: fdb
      .filter(({ dst, state }) => dst !== undefined && state === 'permanent')
      .map(({ mac, ifname, dst }) => `fdb replace ${mac} dev ${ifname} dst ${dst} self permanent`),
    device: routes[0]?.dev ?? '',
  };
}

/** Wall and processor time in milliseconds. */
export interface BatchTime {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Loads lines with `ip -batch` and `bridge -batch`, and times that. */
export async function loadObjects({ name }: Namespace, lines: BatchLines, signal: AbortSignal): Promise<BatchTime> {
  const folder = await mkdtemp(path.join(tmpdir(), 'overlay-bench-'));
  try {
    let ms = 0;
    let cpuMs = 0;
    for (const tool of ['ip', 'bridge'] as const) {
      if (lines[tool].length === 0) continue;
      const file = path.join(folder, tool);
      await writeFile(file, `${lines[tool].join('\n')}\n`);
      const start = performance.now();
      const times = await command(['sh', '-c', `${tool} -n ${name} -batch ${file} && times`], { signal });
      ms += performance.now() - start;
      cpuMs += childrenTime(times);
    }
    return { ms, cpuMs };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How many objects of ours there are. */
export function countObjects(lines: BatchLines): number {
  return lines.ip.length + lines.bridge.length;
}

function routeLine({ dst, gateway, dev, metric, flags }: ShownRoute, protocol: string): string {
  const way = gateway === undefined ? '' : ` via ${gateway}`;
  const onlink = flags.includes('onlink') ? ' onlink' : '';
  return `route replace ${dst}${way} dev ${dev}${onlink} metric ${metric ?? 0} proto ${protocol}`;
}

/** The second line of the shell's `times`: user and system time of its children, `0m0.120000s 0m0.230000s`. */
function childrenTime(text: string): number {
  const line = text.trim().split('\n').at(-1) ?? '';
  let ms = 0;
  for (const [, minutes, seconds] of line.matchAll(/(\d+)m([\d.]+)s/g)) {
    ms += Number(minutes) * 60_000 + Number(seconds) * 1000;
  }
  return ms;
}
