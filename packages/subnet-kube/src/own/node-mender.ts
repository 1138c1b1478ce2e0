import { isDeepStrictEqual } from 'node:util';
import type { Clock, Lease, LeaseAttributes, Logger, NetConf, PerFamily, Prefix } from '@overlay/core';
import { errorCode, errorText } from '@overlay/core';
import type { LeaseMender, Mended } from '@overlay/core/store';
import { Patience, subnetsText, wait } from '@overlay/core/store';
import { SUFFIXES } from '../node/annotation-names.js';
import { formatAnnotations, overwriteAddresses, readAddresses } from '../node/annotations.js';
import type { NodeApi } from '../node/node-api.js';
import type { NodeFacts } from '../node/node-facts.js';
import type { NodeView } from '../view/node-view.js';
import { givenSubnets } from './given-subnets.js';

export interface NodeMenderOptions {
  /** The Node's name. */
  readonly name: string;
  readonly api: NodeApi;
  readonly view: NodeView;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What was asked for, and what of it Kubernetes has given. */
export interface Granted {
  readonly netConf: NetConf;
  readonly subnets: PerFamily<Prefix>;
  readonly attributes: LeaseAttributes;
}

/**
 * Has this host's Node say what this host publishes: also when annotations are removed or changed, and when the Node is
 * made anew. The subnets are Kubernetes' to give: other hosts go by them, so they are followed when they change. Without
 * any (the Node is gone) the ones before stay, with the problem shown.
 */
export class NodeMender implements LeaseMender {
  /** Kubernetes' leases have no end. */
  readonly dueAt = undefined;
  readonly #options: NodeMenderOptions;
  readonly #patience: Patience;
  #netConf: NetConf;
  #lease: Lease;
  /** What the Node was made to say last. */
  #written: LeaseAttributes | undefined;
  /** What stood against the lease when it was last looked at. */
  #problem: string | undefined;
  #complaint: string | undefined;

  constructor(options: NodeMenderOptions, granted: Granted) {
    this.#options = options;
    this.#patience = new Patience(options.clock);
    this.#netConf = granted.netConf;
    this.#lease = { key: options.name, subnets: granted.subnets, attributes: this.#published(granted.attributes) };
  }

  get lease(): Lease {
    return this.#lease;
  }

  /** Goes on with what was acquired once more. */
  adopt({ netConf, subnets }: Granted): void {
    this.#netConf = netConf;
    this.#lease = { ...this.#lease, subnets };
  }

  needsMending(attributes: LeaseAttributes): boolean {
    if (this.#options.view.own.value === undefined) return false;
    const { subnets, problem } = this.#given();
    if (problem !== this.#problem || !isDeepStrictEqual(subnets, this.#lease.subnets)) return true;
    const node = this.#node;
    return node !== undefined && this.#patch(node, attributes).size > 0;
  }

  async mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { api, view, name } = this.#options;
    if (this.#node === undefined) {
      view.learn((await api.get(name, { what: `reading Node ${name}`, signal })) ?? 'absent');
    }
    if (this.#node !== undefined) await this.#write(attributes, signal);
    const { subnets, problem } = this.#given();
    if (!isDeepStrictEqual(subnets, this.#lease.subnets)) this.#follow(subnets);
    const published = this.#published(attributes);
    if (!isDeepStrictEqual(published, this.#lease.attributes)) this.#lease = { ...this.#lease, attributes: published };
    this.#problem = problem;
    return { kind: 'done', ...(problem !== undefined && { problem }) };
  }

  failure(error: unknown): { readonly problem: string; readonly kind?: string } {
    const kind = errorCode(error);
    return { problem: `${errorText(error)}; trying again`, ...(kind !== undefined && { kind }) };
  }

  get #node(): NodeFacts | undefined {
    const own = this.#options.view.own.value;
    return own === 'absent' ? undefined : own;
  }

  /** What peers are told: the addresses that a person has set for the Node come before those found. */
  #published(attributes: LeaseAttributes): LeaseAttributes {
    const node = this.#node;
    if (node === undefined) return attributes;
    const { addresses, problems } = readAddresses(node.annotations, SUFFIXES.overwrite);
    const complaint = problems.length === 0 ? undefined : problems.join('; ');
    if (complaint !== undefined && complaint !== this.#complaint) {
      this.#options.logger.warn(`Node ${node.name}: ${complaint}; the address found is published`);
    }
    this.#complaint = complaint;
    return overwriteAddresses(attributes, addresses);
  }

  /** What of the annotations is to be written. */
  #patch(node: NodeFacts, attributes: LeaseAttributes): Map<string, string | null> {
    const patch = new Map<string, string | null>();
    for (const [suffix, value] of formatAnnotations(this.#published(attributes))) {
      if ((node.annotations.get(suffix) ?? null) !== value) patch.set(suffix, value);
    }
    return patch;
  }

  async #write(attributes: LeaseAttributes, signal: AbortSignal): Promise<void> {
    const { api, view, clock, name, logger } = this.#options;
    const what = `publishing in Node ${name}`;
    for (let node = this.#node; node !== undefined && this.#patch(node, attributes).size > 0; node = this.#node) {
      // Who keeps undoing what was written is met with patience; something new is written at once.
      const undone = isDeepStrictEqual(this.#written, this.#published(attributes));
      if (undone) await wait(clock, this.#patience.next(), what, signal);
      const patch = this.#patch(this.#node ?? node, attributes);
      const published = this.#published(attributes);
      if (patch.size === 0) continue;
      view.learn(await api.annotate(name, patch, { what, signal }));
      this.#written = published;
      logger.debug(`Node ${name}: wrote ${[...patch.keys()].join(', ')}`);
    }
  }

  /** The subnets to go by now, and what is wrong with them. */
  #given(): { readonly subnets: PerFamily<Prefix>; readonly problem?: string } {
    const { subnets } = this.#lease;
    const given = givenSubnets(this.#options.name, this.#node, this.#netConf);
    if (given.kind === 'given') return given;
    return { subnets, problem: `${given.reason}; ${subnetsText(subnets)} stays in use meanwhile` };
  }

  #follow(subnets: PerFamily<Prefix>): void {
    const { name, logger } = this.#options;
    logger.warn(
      `Node ${name} has been given ${subnetsText(subnets)} in place of ${subnetsText(this.#lease.subnets)}: pods that were made ` +
        'before keep addresses which no other host sends here any more; make them anew',
    );
    this.#lease = { ...this.#lease, subnets };
  }
}
