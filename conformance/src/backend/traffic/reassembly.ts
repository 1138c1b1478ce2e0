import type { NetworkNode } from '@overlay/lab';

/** Counters of what the kernel cut or put together, by name; `ip` counters of both families (proc(5), RFC 4293). */
export async function reassembled(node: NetworkNode): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await node.exec(['sh', '-c', 'cat /proc/net/snmp; cat /proc/net/snmp6 2>/dev/null']);
  const counters: Record<string, number> = {};
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Ip: '));
  const shown = values?.split(' ') ?? [];
  for (const [at, name] of (names ?? '').split(' ').entries()) {
    if (/^(ReasmReqds|FragCreates)$/.test(name)) counters[name] = Number(shown[at]);
  }
  for (const [, name, value] of stdout.matchAll(/^(Ip6ReasmReqds|Ip6FragCreates)\s+(\d+)/gm)) {
    counters[name] = Number(value);
  }
  return counters;
}
