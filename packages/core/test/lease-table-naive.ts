import type { Address, Family, Lease, LeaseChange, NetConf, Prefix } from '../dist/index.js';
import { addressToBigInt, prefixContains, prefixesOverlap, tryParseAddress, tryParsePrefix } from '../dist/index.js';

interface Row {
  key: string;
  lease?: Lease;
  passed?: Lease;
  order: number;
  /** Families held, or `whole`. */
  held: string[];
}

interface Doubt {
  row: Row;
  until: number;
}

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/**
 * What a lease table must do, said as plainly as possible: every comparison is made with every row, and whoever is not
 * in is judged again each time.
 */
export class NaiveTable {
  conf: NetConf | undefined;
  own: Lease | undefined;
  underlay: readonly Address[] = [];
  claimsOf: (lease: Lease) => readonly string[] = () => [];
  #rows: Row[] = [];
  #order = 0;
  #recent: { key: string; at: number; subnets: Lease['subnets'] }[] = [];
  #doubts: Doubt[] = [];
  #began = 0;

  constructor(
    readonly holdMs: number,
    readonly fraction: number,
  ) {}

  snapshot(leases: readonly Lease[], now: number): void {
    const changed = new Set<Row>();
    for (const lease of leases) this.#note(lease.key, lease, changed);
    const keys = new Set(leases.map(({ key }) => key));
    for (const row of this.#rows) if (row.lease && !keys.has(row.key)) this.#note(row.key, undefined, changed);
    this.#process([...changed], true, now);
  }

  changes(changes: readonly LeaseChange[], now: number): void {
    const changed = new Set<Row>();
    for (const change of changes) {
      if (change.type === 'set') this.#note(change.lease.key, change.lease, changed);
      else this.#note(change.key, undefined, changed);
    }
    this.#process([...changed], false, now);
  }

  settle(now: number): void {
    this.#process([], true, now);
  }

  judgeAll(now: number): void {
    this.#forgetOld(now);
    const before = [...this.#rows].sort((a, b) => a.order - b.order);
    const passed = before.map((row) => row.passed);
    for (const row of before) row.passed = undefined;
    before.forEach((row, at) => {
      const old = passed[at];
      if (!old) return;
      row.passed = this.#judge(row.key, old).passed;
      if (!row.passed) this.#doubts = this.#doubts.filter((doubt) => doubt.row !== row);
    });
    this.#admit();
  }

  *accepted(): Iterable<Lease> {
    for (const { passed } of this.#rows) if (passed) yield passed;
  }

  held(): string[] {
    return this.#rows.flatMap(({ key, held }) => (held.length > 0 ? [`${key} ${held.join('+')}`] : []));
  }

  doubtedKeys(): string[] {
    return this.#doubts.map(({ row }) => row.key);
  }

  due(): number | undefined {
    return this.#doubts[0]?.until;
  }

  #note(key: string, lease: Lease | undefined, changed: Set<Row>): void {
    let row = this.#rows.find((row) => row.key === key);
    if (!row) {
      if (!lease) return;
      row = { key, order: 0, held: [] };
      this.#rows.push(row);
    }
    if (row.lease && lease && text(row.lease) === text(lease)) return;
    row.lease = lease;
    row.order = ++this.#order;
    changed.add(row);
  }

  #process(changed: Row[], settling: boolean, now: number): void {
    this.#forgetOld(now);
    const due = settling ? this.#doubts.filter(({ until }) => until <= now).map(({ row }) => row) : [];
    this.#doubts = this.#doubts.filter(({ row }) => !due.includes(row));
    const all = [...changed, ...due.filter((row) => !changed.includes(row))].filter(({ passed }) => passed);
    const surely = all.filter(({ lease, passed }) => !lease || loses(passed as Lease, lease));
    this.#lose(surely, due, now);
    for (const row of surely) if (row.passed) row.held = [];
    const refused: Row[] = [];
    for (const row of all) if (row.passed && !surely.includes(row) && !this.#attempt(row)) refused.push(row);
    this.#lose(refused, due, now);
    this.#admit();
  }

  #lose(rows: readonly Row[], due: readonly Row[], now: number): void {
    for (const row of rows) if (due.includes(row)) row.passed = undefined;
    const fresh = rows.filter((row) => !due.includes(row) && !this.#doubts.some((doubt) => doubt.row === row));
    const keys = new Set([
      ...this.#recent.map(({ key }) => key),
      ...this.#doubts.map(({ row }) => row.key),
      ...fresh.map(({ key }) => key),
    ]);
    const peers = new Set([...[...this.accepted()].map(({ key }) => key), ...this.#recent.map(({ key }) => key)]);
    const tooMany = fresh.length > 0 && keys.size > 1 && keys.size > this.fraction * peers.size;
    for (const row of fresh) {
      this.#recent = this.#recent.filter(({ key }) => key !== row.key);
      if (tooMany) {
        if (this.#doubts.length === 0) this.#began = now;
        const steps = Math.ceil((now - this.#began) / (this.holdMs / 10));
        this.#doubts.push({ row, until: this.#began + this.holdMs + (steps * this.holdMs) / 10 });
      } else {
        this.#recent.push({ key: row.key, at: now, subnets: row.passed?.subnets ?? {} });
      }
    }
    if (!tooMany) for (const row of fresh) row.passed = undefined;
  }

  /** Judges all that are not in, or not whole, in the order in which they came. */
  #admit(): void {
    this.#rows = this.#rows.filter(({ lease, passed }) => lease || passed);
    for (const row of [...this.#rows].sort((a, b) => a.order - b.order)) {
      if (row.lease && !this.#doubts.some((doubt) => doubt.row === row)) this.#attempt(row);
    }
  }

  #attempt(row: Row): boolean {
    const before = row.passed;
    row.passed = undefined;
    const { passed, held } = this.#judge(row.key, row.lease as Lease);
    row.held = held;
    if (before && (!passed || loses(before, passed))) {
      row.passed = before;
      return false;
    }
    row.passed = passed;
    this.#doubts = this.#doubts.filter((doubt) => doubt.row !== row);
    if (passed && !before) {
      this.#recent = this.#recent.filter(
        ({ key, subnets }) => key !== row.key || loses({ ...passed, subnets }, passed),
      );
    }
    return true;
  }

  #judge(key: string, lease: Lease): { passed?: Lease; held: string[] } {
    if (key === this.own?.key) return { held: [] };
    const families = FAMILIES.filter((family) => lease.subnets[family] !== undefined);
    if (families.length === 0) return { held: ['whole'] };
    const good = families.filter((family) => this.#stands(key, lease, family));
    const held = families.filter((family) => !good.includes(family));
    return good.length === 0 ? { held } : { passed: only(lease, good), held };
  }

  #stands(key: string, lease: Lease, family: Family): boolean {
    const subnet = lease.subnets[family] as Prefix;
    const ip = lease.attributes[family]?.publicIP as Address;
    const network = this.conf?.[family]?.network;
    if (!network || tryParsePrefix(subnet, family) !== subnet || !prefixContains(network, subnet)) return false;
    if (tryParseAddress(ip, family) !== ip || addressToBigInt(ip) < 2n) return false;
    const own = this.own && only(this.own, [family]);
    const ownSubnet = own?.subnets[family];
    if (this.underlay.includes(ip) || this.underlay.some((address) => prefixContains(subnet, address))) return false;
    if (ownSubnet && (prefixesOverlap(ownSubnet, subnet) || prefixContains(ownSubnet, ip))) return false;
    const ownIP = own?.attributes[family]?.publicIP;
    if (prefixContains(subnet, ip) || (ownIP && prefixContains(subnet, ownIP))) return false;
    const claims = this.#claims(lease, family);
    if (!claims || this.#allClaims(this.own).some((claim) => claims.includes(claim))) return false;
    return this.#rows.every(({ passed, ...row }) => {
      if (!passed || row.key === key) return true;
      if (this.#allClaims(passed).some((claim) => claims.includes(claim))) return false;
      const other = passed.subnets[family];
      if (!other) return true;
      const otherIP = passed.attributes[family]?.publicIP as Address;
      return !prefixesOverlap(other, subnet) && !prefixContains(other, ip) && !prefixContains(subnet, otherIP);
    });
  }

  #claims(lease: Lease, family: Family): readonly string[] | undefined {
    try {
      return this.claimsOf(only(lease, [family]));
    } catch {
      return undefined;
    }
  }

  #allClaims(lease: Lease | undefined): string[] {
    return lease === undefined
      ? []
      : FAMILIES.flatMap((family) => (lease.subnets[family] ? (this.#claims(lease, family) ?? []) : []));
  }

  #forgetOld(now: number): void {
    this.#recent = this.#recent.filter(({ at }) => now - at < this.holdMs);
  }
}

function only(lease: Lease, families: readonly Family[]): Lease {
  const { key, subnets, attributes, expiresAt } = lease;
  const picked = (from: object): object =>
    Object.fromEntries(Object.entries(from).filter(([name]) => families.includes(name as Family)));
  return {
    key,
    subnets: picked(subnets),
    attributes: { backendType: attributes.backendType, ...picked(attributes) },
    expiresAt,
  };
}

function loses(before: Lease, after: Lease): boolean {
  return FAMILIES.some(
    (family) => before.subnets[family] !== undefined && before.subnets[family] !== after.subnets[family],
  );
}

function text(lease: Lease): string {
  return JSON.stringify([lease.subnets, lease.attributes]);
}
