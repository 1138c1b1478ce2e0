import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Family } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import type { ViewItem } from '../view.js';

type Json = Readonly<Record<string, unknown>>;

/** A filter as `tc -j` tells it. */
interface Filter {
  readonly kind: string;
  readonly pref: number;
  readonly options?: { readonly bpf_name?: string; readonly prog?: { readonly id: number; readonly name: string } };
}

/** A map's entry as `bpftool -j map dump` tells it. */
interface Entry {
  readonly key: readonly string[];
  readonly value: readonly string[];
}

/** Maps that are tables. Others hold what changes by itself: counters, the latest of something. */
const TABLES = new Set(['hash', 'lpm_trie']);

/**
 * The BPF programs that are filters of a namespace's devices, and the entries of their maps. Nothing but `tc` is asked
 * where there are none.
 */
export async function bpfItems(node: NetworkNode): Promise<ViewItem[]> {
  const qdiscs = await tell(node, 'tc', '-j', 'qdisc', 'show');
  const devices = new Set(qdiscs.filter(({ kind }) => kind === 'clsact').map(({ dev }) => String(dev)));
  const items: ViewItem[] = [];
  const programs = new Set<number>();
  for (const device of devices) {
    for (const direction of ['ingress', 'egress']) {
      const filters = await tell(node, 'tc', '-j', 'filter', 'show', 'dev', device, direction);
      for (const filter of filters as unknown as Filter[]) {
        const { prog, bpf_name: name = '' } = filter.options ?? {};
        if (!prog) continue;
        programs.add(prog.id);
        const key = `program ${prog.name} ${direction} of ${device} pref ${filter.pref}`;
        items.push({ kind: 'program', key, device, text: `${key} ${name}`, raw: { filter } });
      }
    }
  }
  const maps = new Set<number>();
  for (const id of programs) {
    const { map_ids: used = [] } = (await bpftool('prog', 'show', id)) as { readonly map_ids?: readonly number[] };
    for (const map of used) maps.add(map);
  }
  for (const id of maps) items.push(...(await entries(id)));
  return items;
}

async function entries(id: number): Promise<ViewItem[]> {
  const { type, name } = (await bpftool('map', 'show', id)) as { readonly type: string; readonly name?: string };
  if (!TABLES.has(type)) return [];
  const family = familyOf(name);
  return ((await bpftool('map', 'dump', id)) as readonly Entry[]).map(({ key, value }) => {
    const title = `map ${name ?? ''} entry ${hex(key)}`;
    const bytes = Uint8Array.from([...key, ...value], Number);
    const text = `${title} is ${hex(value)}`;
    return { kind: 'map', key: title, device: '', text, bytes, raw: { id }, ...(family && { family }) };
  });
}

/** A table for one family has its number at the end of its name. */
function familyOf(name: string | undefined): Family | undefined {
  if (name?.endsWith('4')) return 'ipv4';
  return name?.endsWith('6') ? 'ipv6' : undefined;
}

function hex(bytes: readonly string[]): string {
  return bytes.map((byte) => byte.replace('0x', '')).join(' ');
}

async function tell(node: NetworkNode, ...argv: readonly string[]): Promise<readonly Json[]> {
  const { stdout } = await node.exec(argv);
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Json[]);
}

/** Maps and programs are the machine's, in whatever namespace one asks. */
async function bpftool(...argv: readonly (string | number)[]): Promise<unknown> {
  const [object, verb, id] = argv.map(String);
  const { stdout } = await promisify(execFile)('bpftool', ['-j', object ?? '', verb ?? '', 'id', id ?? ''], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout);
}
