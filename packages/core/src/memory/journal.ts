import { tryParsePrefix } from '../address/index.js';
import { formatLeaseValue, readLeaseValue } from '../flannel-lease/index.js';
import type { Lease } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import { formatNetConf, parseNetConf } from '../net-conf/index.js';
import type { Memory } from './memory.js';

/*
 * The text of a memory: one record a line, each with a checksum that goes on from that of the line before, so that no line
 * can be missing or at another place. The first line says whose memory it is. What counts is what comes before the last
 * line that confirms it; an addition that was torn by a power cut is as if it had never been made.
 */

const VERSION = 1;

/** Whose memory it is. */
export interface Owner {
  readonly hostId: string;
  /** The store, in words that are others for another store: `etcd /coreos.com/network`. */
  readonly store: string;
}

/** One line. */
export type Entry =
  | { readonly type: 'config'; readonly netConf: NetConf }
  | { readonly type: 'own'; readonly lease: Lease }
  | { readonly type: 'set'; readonly lease: Lease }
  | { readonly type: 'delete'; readonly key: string }
  /** Everything so far was so at this moment, in milliseconds since the Unix epoch. */
  | { readonly type: 'confirmed'; readonly at: number };

/** Writes lines, each of which is bound to the one before. */
export class JournalWriter {
  #sum: number | undefined;

  /** The first line. */
  begin({ hostId, store }: Owner): string {
    this.#sum = undefined;
    return this.#line(JSON.stringify({ memory: 'overlay', version: VERSION, host: hostId, store }));
  }

  write(entry: Entry): string {
    return this.#line(textOf(entry));
  }

  #line(text: string): string {
    this.#sum = checksum(text, this.#sum);
    return `${sumText(this.#sum)} ${text}\n`;
  }
}

/** What a text says that was written by a {@link JournalWriter}; or in one phrase why it says nothing. */
export function readJournal(text: string, owner: Owner): Memory | { readonly problem: string } {
  const reading = new Reading();
  let sum: number | undefined;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const line = end < 0 ? undefined : text.slice(at + 9, end);
    const next = line === undefined ? undefined : checksum(line, sum);
    const whole = next !== undefined && sumAt(text, at) === next;
    if (at === 0) {
      const problem = whole ? foreign(line as string, owner) : 'it is damaged, or none of ours';
      if (problem !== undefined) return { problem };
    } else if (whole) {
      reading.take(line as string);
    } else {
      break;
    }
    sum = next;
    at = end + 1;
  }
  return reading.result();
}

/** Collects entries up to the last confirmation. */
class Reading {
  #netConf: NetConf | undefined;
  #own: Lease | undefined;
  readonly #leases = new Map<string, Lease>();
  #pending: Entry[] = [];
  #at: number | undefined;

  /** Takes a line. One that means nothing, though it was written so, is passed over. */
  take(line: string): void {
    const entry = entryOf(line);
    if (entry?.type === 'confirmed') {
      for (const before of this.#pending) this.#apply(before);
      this.#pending = [];
      this.#at = entry.at;
    } else if (entry !== undefined) {
      this.#pending.push(entry);
    }
  }

  result(): Memory | { readonly problem: string } {
    const [netConf, own, at] = [this.#netConf, this.#own, this.#at];
    if (at === undefined) return { problem: 'it is damaged' };
    if (netConf === undefined) return { problem: 'it has no configuration that could be used' };
    if (own === undefined) return { problem: 'it has no lease of this host' };
    return { netConf, own, leases: [...this.#leases.values()], at };
  }

  #apply(entry: Entry): void {
    switch (entry.type) {
      case 'config':
        this.#netConf = entry.netConf;
        break;
      case 'own':
        this.#own = entry.lease;
        break;
      case 'set':
        this.#leases.set(entry.lease.key, entry.lease);
        break;
      case 'delete':
        this.#leases.delete(entry.key);
        break;
      case 'confirmed':
        break;
    }
  }
}

function foreign(line: string, owner: Owner): string | undefined {
  const json = objectOf(line);
  if (json?.['memory'] !== 'overlay') return 'it is none of ours';
  if (json['version'] !== VERSION) return `it is of version ${JSON.stringify(json['version'])}, not ${VERSION}`;
  if (json['host'] !== owner.hostId) return `it is of another host, ${JSON.stringify(json['host'])}`;
  if (json['store'] !== owner.store) return `it is of another store, ${JSON.stringify(json['store'])}`;
  return undefined;
}

/** JSON around what is formatted already, which is put in as the text that it is. */
function textOf(entry: Entry): string {
  switch (entry.type) {
    case 'config':
      return `{"config":${formatNetConf(entry.netConf)}}`;
    case 'own':
      return `{"own":${leaseText(entry.lease)}}`;
    case 'set':
      return `{"set":${leaseText(entry.lease)}}`;
    case 'delete':
      return JSON.stringify({ delete: entry.key });
    case 'confirmed':
      return JSON.stringify({ confirmed: entry.at });
  }
}

function entryOf(line: string): Entry | undefined {
  const json = objectOf(line);
  if (json === undefined) return undefined;
  if (json['set'] !== undefined || json['own'] !== undefined) {
    const lease = leaseOf(json['set'] ?? json['own']);
    return lease && { type: json['set'] === undefined ? 'own' : 'set', lease };
  }
  if (typeof json['delete'] === 'string') return { type: 'delete', key: json['delete'] };
  if (typeof json['confirmed'] === 'number') return { type: 'confirmed', at: json['confirmed'] };
  if (json['config'] === undefined) return undefined;
  try {
    return { type: 'config', netConf: parseNetConf(JSON.stringify(json['config']), { source: 'memory' }) };
  } catch {
    // What is wrong with it may show a secret; that there is none is said of the whole.
    return undefined;
  }
}

function leaseText({ key, subnets, attributes, expiresAt }: Lease): string {
  const members = JSON.stringify({ key, ...subnets, expiresAt });
  return `${members.slice(0, -1)},"value":${formatLeaseValue(attributes)}}`;
}

function leaseOf(value: unknown): Lease | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const json = value as Readonly<Record<string, unknown>>;
  const { key, expiresAt } = json;
  const reading = readLeaseValue(json['value']);
  if (typeof key !== 'string' || key === '' || 'problem' in reading) return undefined;
  if (expiresAt !== undefined && typeof expiresAt !== 'number') return undefined;
  const ipv4 = typeof json['ipv4'] === 'string' ? tryParsePrefix(json['ipv4'], 'ipv4') : undefined;
  const ipv6 = typeof json['ipv6'] === 'string' ? tryParsePrefix(json['ipv6'], 'ipv6') : undefined;
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const subnets = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return { key, subnets, attributes: reading.attributes, ...(expiresAt !== undefined && { expiresAt }) };
}

function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** FNV-1a of 32 bits over UTF-16 units: against accidents, of which it finds all that change one unit. */
function checksum(text: string, before = 0x811c9dc5): number {
  let sum = before;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}

/** The checksum that a line begins with; undefined when that is none. Read by hand: of 50,000 lines no text is made. */
function sumAt(text: string, at: number): number | undefined {
  let sum = 0;
  for (let digit = at; digit < at + 8; digit++) {
    const unit = text.charCodeAt(digit);
    if (unit >= 48 && unit <= 57) sum = sum * 16 + unit - 48;
    else if (unit >= 97 && unit <= 102) sum = sum * 16 + unit - 87;
    else return undefined;
  }
  return text.charCodeAt(at + 8) === 32 ? sum : undefined;
}

function sumText(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
