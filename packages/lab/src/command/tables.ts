import type { Family } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { ReadyHost } from '../agent/ready.js';
import type { LabHost } from '../host/lab-host.js';
import type { PairResult } from '../measure/ping-matrix.js';
import { cameBack } from '../measure/ping-matrix.js';
import { machinesOf } from '../plan/link-scripts.js';
import type { Topology } from '../plan/topology.js';

/** Rows as lines with aligned columns. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, n) => (widths[n] = Math.max(widths[n] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n]))
      .join('  ')
      .trimEnd(),
  );
}

/** The underlay as a tree: the router, its segments, their hosts. */
export function drawTopology(topology: Topology): string[] {
  const { segments, families } = topology;
  const inFamilies = (of: { ipv4?: string; ipv6?: string }): string => families.map((family) => of[family]).join('  ');
  const lines = [`router  ${topology.routerNetns}`];
  segments.forEach((segment, n) => {
    const last = n === segments.length - 1;
    lines.push(`${last ? '└─' : '├─'} ${segment.bridge}  ${inFamilies(segment.prefixes)}  mtu ${topology.mtu}`);
    const here = machinesOf(topology).filter((host) => host.segment === segment);
    const rows = alignColumns(here.map((host) => [host.name, `eth0 ${inFamilies(host.addresses)}`, host.netns]));
    rows.forEach((row, m) => lines.push(`${last ? '   ' : '│  '}${m === rows.length - 1 ? '└─' : '├─'} ${row}`));
  });
  return lines;
}

/** Every host's lease, MTU and pods. */
export function leaseTable(hosts: readonly LabHost[], ready: ReadonlyMap<LabHost, ReadyHost>): string[] {
  const inFamilies = (of: { ipv4?: string; ipv6?: string }): string =>
    FAMILIES.flatMap((family) => of[family] ?? []).join(' ');
  return alignColumns([
    ['host', 'lease', 'mtu', 'subnet.env after', 'pods'],
    ...hosts.map((host) => {
      const its = ready.get(host);
      if (its === undefined) return [host.name, 'none', '', '', ''];
      const pods = host.pods.map((pod) => inFamilies(pod.addresses)).join(', ');
      return [host.name, inFamilies(its.subnets), String(its.mtu), `${Math.round(its.subnetEnvMs)} ms`, pods];
    }),
  ]);
}

/** A cell of the matrix: the round-trip time, or how much is missing. */
export function pingCell(result: PairResult): string {
  if (cameBack(result)) return (result.rttMs ?? 0).toFixed(2);
  if (result.received === 0) return 'LOST';
  return result.received < result.sent ? `${result.received}/${result.sent}` : 'MTU';
}

/** Columns of a matrix that fit beside each other on a terminal of 120 columns. */
const COLUMNS = 12;

/** One family's matrix: who pings down the side, who is pinged along the top, milliseconds in the cells. */
export function pingTable(results: readonly PairResult[], family: Family): string[] {
  const here = results.filter(({ pair }) => pair.family === family);
  const names = (of: 'from' | 'to'): string[] => {
    const found = new Set(here.map(({ pair }) => pair[of].name));
    const isPod = (name: string): boolean => /^h\d+p\d+$/.test(name);
    const order = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
    return [...found].sort((a, b) => Number(isPod(a)) - Number(isPod(b)) || order(a, b));
  };
  const cells = new Map(here.map((result) => [`${result.pair.from.name} ${result.pair.to.name}`, pingCell(result)]));
  const columns = names('to');
  const lines: string[] = [];
  for (let first = 0; first < columns.length; first += COLUMNS) {
    const shown = columns.slice(first, first + COLUMNS);
    const rows = names('from').map((from) => [from, ...shown.map((to) => cells.get(`${from} ${to}`) ?? '·')]);
    lines.push(...alignColumns([['', ...shown], ...rows]));
  }
  return lines;
}
