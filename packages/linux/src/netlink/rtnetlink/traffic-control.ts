import type { NetlinkMessage } from '../message.js';
import { HEADER_BYTES, readU32 } from '../message.js';
import { MessageFlag, MessageType } from '../protocol.js';
import { AttributeReader, MessageWriter } from './attributes.js';

/** Bytes of struct tcmsg (linux/rtnetlink.h). */
const FIXED = 20;
const At = { index: 4, handle: 8, parent: 12, info: 16 } as const;

/** TCA_* of linux/rtnetlink.h. */
const Attribute = { kind: 1, options: 2, sizeTable: 8 } as const;
/** TCA_BPF_* of linux/pkt_cls.h. */
const BpfAttribute = { fd: 6, name: 7, flags: 8, id: 11 } as const;
/** The program's return value is the verdict (TCA_BPF_FLAG_ACT_DIRECT). */
const DIRECT_ACTION = 1;

/** TC_H_CLSACT and its two sides, TC_H_MIN_INGRESS and TC_H_MIN_EGRESS, of linux/pkt_sched.h. */
const CLSACT = 0xfffffff1;
const CLSACT_HANDLE = 0xffff0000;
const PARENTS = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
/** ETH_P_ALL in network order, as the lower half of tcm_info has it. */
const ALL_PROTOCOLS = 0x0300;

/** Which packets of a device a filter of its clsact qdisc sees. */
export type Direction = 'ingress' | 'egress';

/** A queueing discipline of a device. */
export interface Qdisc {
  readonly index: number;
  /** `clsact`, `ingress`, `noqueue`, `fq_codel`, ... */
  readonly kind: string;
}

/** What makes up the key of a filter for all protocols. */
export interface FilterKey {
  /** Index of the device. */
  readonly index: number;
  readonly direction: Direction;
  /** 1 to 65,535; filters are asked in ascending order. */
  readonly priority: number;
  /** Tells filters of one priority apart. */
  readonly handle: number;
}

/** A filter of a clsact qdisc. */
export interface Filter extends FilterKey {
  /** `bpf`, `flower`, `matchall`, ... */
  readonly kind: string;
  /** Of a BPF filter: the name that it was attached with. */
  readonly name?: string;
  /** Of a BPF filter: the id of its program. */
  readonly program?: number;
}

/** A BPF filter to be attached: its program decides what becomes of the packet (direct action). */
export interface FilterSpec extends FilterKey {
  /** Up to 255 bytes. */
  readonly name: string;
  /** An open descriptor of the program, in this process. */
  readonly fd: number;
}

/** Reads RTM_NEWQDISC and RTM_DELQDISC. */
export function decodeQdisc({ buffer, start, end }: NetlinkMessage): Qdisc {
  const reader = new AttributeReader(buffer, start + FIXED, end);
  let kind = '';
  while (reader.next()) if (reader.type === Attribute.kind) kind = reader.text();
  return { index: readU32(buffer, start + At.index), kind };
}

/**
 * Reads RTM_NEWTFILTER and RTM_DELTFILTER of a clsact qdisc; undefined for a filter elsewhere, and for what the kernel
 * tells of a priority as a whole.
 */
export function decodeFilter({ buffer, start, end }: NetlinkMessage): Filter | undefined {
  const parent = readU32(buffer, start + At.parent);
  const handle = readU32(buffer, start + At.handle);
  if (handle === 0 || (parent !== PARENTS.ingress && parent !== PARENTS.egress)) return undefined;
  const filter: { -readonly [K in keyof Filter]: Filter[K] } = {
    index: readU32(buffer, start + At.index),
    direction: parent === PARENTS.ingress ? 'ingress' : 'egress',
    priority: readU32(buffer, start + At.info) >>> 16,
    handle,
    kind: '',
  };
  const reader = new AttributeReader(buffer, start + FIXED, end);
  while (reader.next()) {
    if (reader.type === Attribute.kind) filter.kind = reader.text();
    else if (reader.type === Attribute.options && filter.kind === 'bpf') {
      const options = reader.nested();
      while (options.next()) {
        if (options.type === BpfAttribute.name) filter.name = options.text();
        else if (options.type === BpfAttribute.id) filter.program = options.u32();
      }
    }
  }
  return filter;
}

/** Gives a device a clsact qdisc, which holds filters and no packets; EEXIST if there is one, or an ingress qdisc. */
export function newClsact(index: number): Uint8Array {
  return clsact(MessageType.newQdisc, MessageFlag.create | MessageFlag.exclusive, index);
}

/**
 * The same with a size table that has nothing in it, which the kernel refuses (EINVAL, qdisc_get_stab in
 * net/sched/sch_api.c) once it has found the kind, and loaded its module: to see whether it knows the kind (else ENOENT).
 */
export function tryClsact(index: number): Uint8Array {
  return clsact(MessageType.newQdisc, MessageFlag.create | MessageFlag.exclusive, index, true);
}

/** Takes it away with all filters in it, whoever attached them. */
export function deleteClsact(index: number): Uint8Array {
  return clsact(MessageType.deleteQdisc, 0, index);
}

function clsact(type: number, flags: number, index: number, isTrial = false): Uint8Array {
  const writer = new MessageWriter(type, flags, FIXED, 64);
  writer.setU32(HEADER_BYTES + At.index, index);
  writer.setU32(HEADER_BYTES + At.handle, CLSACT_HANDLE);
  writer.setU32(HEADER_BYTES + At.parent, CLSACT);
  writer.text(Attribute.kind, 'clsact');
  if (isTrial) writer.nest(Attribute.sizeTable, () => undefined);
  return writer.finish();
}

/** Asks for the qdiscs of all devices. */
export function dumpQdiscs(): Uint8Array {
  return new MessageWriter(MessageType.getQdisc, MessageFlag.dump, FIXED, 64).finish();
}

/** Asks for the filters of a device in one direction; none if it has no clsact qdisc. */
export function dumpFilters({ index, direction }: Pick<FilterKey, 'index' | 'direction'>): Uint8Array {
  const writer = new MessageWriter(MessageType.getFilter, MessageFlag.dump, FIXED, 64);
  writer.setU32(HEADER_BYTES + At.index, index);
  writer.setU32(HEADER_BYTES + At.parent, PARENTS[direction]);
  return writer.finish();
}

/** Attaches a program, in place of the one that has this key if there is one: no packet passes in between. */
export function newFilter(spec: FilterSpec): Uint8Array {
  const writer = filter(MessageType.newFilter, MessageFlag.create | MessageFlag.replace, spec);
  writer.nest(Attribute.options, () => {
    writer.u32(BpfAttribute.fd, spec.fd);
    writer.text(BpfAttribute.name, spec.name);
    writer.u32(BpfAttribute.flags, DIRECT_ACTION);
  });
  return writer.finish();
}

export function deleteFilter(key: FilterKey): Uint8Array {
  return filter(MessageType.deleteFilter, 0, key).finish();
}

function filter(type: number, flags: number, { index, direction, priority, handle }: FilterKey): MessageWriter {
  const writer = new MessageWriter(type, flags, FIXED, 256);
  writer.setU32(HEADER_BYTES + At.index, index);
  writer.setU32(HEADER_BYTES + At.handle, handle);
  writer.setU32(HEADER_BYTES + At.parent, PARENTS[direction]);
  writer.setU32(HEADER_BYTES + At.info, priority * 0x10000 + ALL_PROTOCOLS);
  writer.text(Attribute.kind, 'bpf');
  return writer;
}
