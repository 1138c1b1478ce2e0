import { OverlayError } from '@overlay/core';
import type { NetlinkPort } from '@overlay/linux/netlink';
import { openNetlink } from '@overlay/linux/netlink';
import { routeProtocols } from '../files/route-protocols-file.js';
import type { RunPaths } from '../run-directory/run-paths.js';
import { tryAcquireInstance } from './agent-lock.js';
import { describeRoute } from './describe.js';
import { handBackSteps } from './hand-back.js';
import type { NetworkSources } from './known-networks.js';
import { knownNetworks } from './known-networks.js';
import { fileItem, findOwnFiles, removeOwnFiles } from './own-files.js';
import type { OwnMarks, OwnObjects } from './own-objects.js';
import { readOwnObjects } from './own-objects.js';
import type { OwnLeases } from './own-leases.js';
import { leaseItem } from './own-leases.js';
import { removalSteps } from './removal.js';
import type { Failure, Item, Step } from './steps.js';
import { takeSteps } from './steps.js';

export interface CleanupOptions extends NetworkSources {
  readonly instance: string;
  readonly run: RunPaths;
  /** The folders above, to be removed when nothing is left in them. */
  readonly folders: readonly string[];
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Leave to flanneld what it takes for its own. */
  readonly forFlanneld: boolean;
  /** Go on although an agent runs. */
  readonly force: boolean;
  /** The leases to be given up with everything else. */
  readonly leases?: OwnLeases;
  readonly signal: AbortSignal;
}

/** What cleaning up came to. */
export interface CleanupReport {
  /** What was removed or changed; in a dry run, what would be. */
  readonly items: readonly Item[];
  readonly failures: readonly Failure[];
  /** What a person should know beside, one line each. */
  readonly notes: readonly string[];
}

/** Routes of unknown networks that are told one by one. */
const TOLD = 5;

/**
 * Takes away what an instance has in the network namespace of this process, and nothing else; or hands it back to
 * flanneld. The store is left alone unless leases are given. A second time there is nothing to do.
 *
 * @throws OverlayError `OVERLAY_AGENT_RUNS` while an agent of the instance runs; `OVERLAY_CONFIG_INVALID`,
 *   `OVERLAY_INSTANCE_FAILED`, `OVERLAY_ABORTED`; NetlinkError; system errors of reading files.
 */
export async function cleanup(options: CleanupOptions): Promise<CleanupReport> {
  const { instance, dryRun, force, signal } = options;
  const { networks, notes } = knownNetworks(options);
  const { lock, holder } = await tryAcquireInstance(instance, signal);
  try {
    const agent = `an agent of instance ${instance} runs here${holder?.pid === undefined ? '' : ` (pid ${holder.pid})`}`;
    const would = `${agent} and would make everything again; end it first`;
    if (holder !== undefined && !dryRun && !force) {
      throw new OverlayError('OVERLAY_AGENT_RUNS', `${would}, or go on with --force`);
    }
    const more = holder === undefined ? [] : [would];
    const marks = { alias: `overlay:${instance}`, routeProtocols: new Set(routeProtocols(options.state)), networks };
    const port = openNetlink();
    try {
      const report = await new Cleaner(options, marks, port).run();
      return { ...report, notes: [...notes, ...more, ...report.notes] };
    } finally {
      port.close();
    }
  } finally {
    await lock?.release();
  }
}

class Cleaner {
  readonly #options: CleanupOptions;
  readonly #marks: OwnMarks;
  readonly #port: NetlinkPort;

  constructor(options: CleanupOptions, marks: OwnMarks, port: NetlinkPort) {
    this.#options = options;
    this.#marks = marks;
    this.#port = port;
  }

  async run(): Promise<CleanupReport> {
    const { dryRun, signal, folders, leases } = this.#options;
    const found = await this.#read();
    const steps = this.#steps(found);
    const { files, notes } = findOwnFiles(this.#options);
    const held = (await leases?.find()) ?? [];
    const items = [...steps.map(({ item }) => item), ...files.map(fileItem), ...held.map(leaseItem)];
    const told = [...notes, ...this.#unsure(found)];
    if (dryRun) return { items, failures: [], notes: told };
    const refused = await takeSteps(this.#port, steps, signal);
    const failures = refused.length > 0 ? refused : this.#left(await this.#read());
    // What tells the networks of what is left is needed for the next attempt.
    if (failures.length === 0) {
      removeOwnFiles(files, folders);
      await leases?.release();
    }
    const failed = new Set(failures.map(({ item }) => item.text));
    const done = failures.length === 0 ? items : steps.map(({ item }) => item).filter(({ text }) => !failed.has(text));
    return { items: done, failures, notes: told };
  }

  #read(): Promise<OwnObjects> {
    return readOwnObjects(this.#port, this.#marks, this.#options.signal);
  }

  #steps(found: OwnObjects): readonly Step[] {
    return this.#options.forFlanneld ? handBackSteps(found) : removalSteps(found);
  }

  /** What is there although it was taken away. */
  #left(found: OwnObjects): readonly Failure[] {
    return this.#steps(found).map(({ item }) => ({ item, reason: 'it is there again: somebody keeps making it' }));
  }

  #unsure({ unsure, names }: OwnObjects): readonly string[] {
    if (unsure.length === 0) return [];
    const some = unsure.slice(0, TOLD).map((route) => describeRoute(route, names));
    const more = unsure.length > some.length ? ` and ${unsure.length - some.length} more` : '';
    const { networks } = this.#marks;
    const known = networks.length === 0 ? 'no network is known' : `outside of ${networks.join(', ')}`;
    return [
      `left, since ${known}: ${some.join('; ')}${more}; if that is this agent's, name its configuration with --net-config-path`,
    ];
  }
}
