import type { LabHost } from '../host/lab-host.js';
import { LabPod } from '../host/lab-host.js';
import type { NetworkNode } from '../host/network-node.js';
import type { PairResult } from '../measure/ping-matrix.js';
import { cameBack } from '../measure/ping-matrix.js';

/** The failed pings that are told one by one; there are often as many as pairs. */
const SHOWN = 5;

function hostOf(node: NetworkNode): NetworkNode {
  return node instanceof LabPod ? node.host : node;
}

function failureLine(result: PairResult): string {
  const { pair, fullMtu } = result;
  const what = `${pair.from.name} -> ${pair.to.name} (${pair.address})`;
  if (result.received < result.sent) {
    return `${what}: ${result.received} of ${result.sent} came back: ${result.problem ?? 'no answer'}`;
  }
  return `${what}: packets of ${pair.mtu} bytes, the MTU, do not pass unfragmented: ${fullMtu.problem ?? 'no answer'}`;
}

/** The command that most likely shows why a ping did not come back. */
export function nextCommand(result: PairResult): string {
  const { pair } = result;
  const from = hostOf(pair.from).netns;
  if (result.received === 0) return `ip netns exec ${from} ip route get ${pair.address}`;
  if (result.received === result.sent)
    return `ip netns exec ${from} ping -M do -s ${pair.mtu - (pair.family === 'ipv4' ? 28 : 48)} ${pair.address}`;
  return `ip netns exec ${hostOf(pair.to).netns} tcpdump -n -i eth0`;
}

/** What to say about pings that did not come back. */
export function pingAdvice(results: readonly PairResult[], kept: boolean): string[] {
  const failed = results.filter((result) => !cameBack(result));
  const [first] = failed;
  if (first === undefined) return [];
  const lines = failed.slice(0, SHOWN).map(failureLine);
  if (failed.length > SHOWN) lines.push(`and ${failed.length - SHOWN} more`);
  lines.push(`${kept ? 'next' : 'next, after running it again with --keep'}: ${nextCommand(first)}`);
  return lines;
}

/** The hosts at which failed pings begin or end, those with the most first. */
export function suspectHosts(results: readonly PairResult[]): LabHost[] {
  const counts = new Map<LabHost, number>();
  for (const { pair } of results.filter((result) => !cameBack(result))) {
    for (const host of [hostOf(pair.from), hostOf(pair.to)] as LabHost[]) {
      counts.set(host, (counts.get(host) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([host]) => host);
}

/** The end of a host's log, each line behind the host's name. */
export function logTail(host: LabHost, lines = 12): string[] {
  const tail = host.agent?.logTail(lines) ?? '';
  if (tail === '') return [`${host.name}: its agent has logged nothing`];
  return [`${host.name}: end of ${host.logFile}`, ...tail.split('\n').map((line) => `  ${line}`)];
}
