import type { ThroughputReport } from './throughput.js';
import type { Traffic } from './traffic.js';

const COLUMNS = ['MTU', '1 TCP, Gbit/s', '8 TCP, Gbit/s', '64 B UDP, k/s', 'RTT, us', 'CPU s/Gbit'] as const;

/** The report for a person. */
export function throughputTable({ backend, wires }: ThroughputReport): string {
  const lines: string[] = [];
  for (const [wire, { results, ratios }] of Object.entries(wires)) {
    lines.push('', row(`wire: ${wire}`, COLUMNS));
    for (const { arrangement, mtu, ...traffic } of results)
      lines.push(row(arrangement, [String(mtu), ...cells(traffic, 2)]));
    for (const [other, ratio] of Object.entries(ratios))
      lines.push(row(`${backend} : ${other}`, ['', ...cells(ratio, 2)]));
  }
  return `${lines.slice(1).join('\n')}\n`;
}

function cells({ tcpGbps, tcp8Gbps, udpKpps, rttUs, cpuPerGbit }: Traffic, digits: number): string[] {
  return [...[tcpGbps, tcp8Gbps, udpKpps, rttUs].map((value) => value.toFixed(digits)), cpuPerGbit.toFixed(3)];
}

function row(title: string, columns: readonly string[]): string {
  return `${title.padEnd(26)}${columns.map((column) => column.padStart(15)).join('')}`.trimEnd();
}
