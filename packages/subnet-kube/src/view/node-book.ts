import type { Lease, LeaseChange } from '@overlay/core';
import type { JunkLog } from '@overlay/core/store';
import { nodeLease } from '../node/node-lease.js';
import type { NodeFacts } from '../node/node-facts.js';

interface Entry {
  /** What was read, in one text, so that the many updates of a Node that say nothing new cost next to nothing. */
  readonly text: string;
  readonly lease: Lease | undefined;
}

/** Everything that is kept of the Nodes. */
export class NodeBook {
  readonly #entries = new Map<string, Entry>();
  #changes: LeaseChange[] = [];

  constructor(private readonly junk: JunkLog) {}

  /** Nodes, with a lease or without. */
  get size(): number {
    return this.#entries.size;
  }

  put(node: NodeFacts): void {
    const text = textOf(node);
    const before = this.#entries.get(node.name);
    if (before?.text === text) return;
    const { lease, problem } = nodeLease(node);
    if (problem === undefined) this.junk.clear(node.name);
    else this.junk.junk(node.name, problem, false);
    this.#entries.set(node.name, { text, lease });
    if (lease !== undefined) this.#changes.push({ type: 'set', lease });
    else if (before?.lease !== undefined) this.#changes.push({ type: 'delete', key: node.name });
  }

  delete(name: string): void {
    const before = this.#entries.get(name);
    this.#entries.delete(name);
    this.junk.clear(name);
    if (before?.lease !== undefined) this.#changes.push({ type: 'delete', key: name });
  }

  /** What has changed since this was asked the last time. */
  takeChanges(): readonly LeaseChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }

  leases(): readonly Lease[] {
    const leases: Lease[] = [];
    for (const { lease } of this.#entries.values()) if (lease !== undefined) leases.push(lease);
    return leases;
  }
}

function textOf({ podCIDRs, annotations }: NodeFacts): string {
  let text = podCIDRs.join(' ');
  for (const [suffix, value] of annotations) text += `\n${suffix}=${value}`;
  return text;
}
