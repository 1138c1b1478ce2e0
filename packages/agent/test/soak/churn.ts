import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabHost } from '@overlay/lab';
import type { SeededRandom } from '@overlay/core/testing';
import type { MadeUpHost } from '../support/made-up-lease.js';
import { leaseName, madeUpLease } from '../support/made-up-lease.js';
import type { OverlayLab } from '../support/overlay-lab.js';

/** How many made-up hosts there are on the average; there is room for 156. */
const CROWD = 100;
const MOST = 150;
const ENDPOINTS = Array.from({ length: 211 }, (_, i) => 40 + i);

/** What one step may do. The counts of a run go by these names. */
export type Step = 'come' | 'go' | 'move' | 'renumber' | 'rewrite' | 'junk' | 'vandalise';

/** Leases of hosts that are not there come, go, move, and turn to junk; somebody tampers with the kernel now and then. */
export class Churn {
  readonly counts: Record<Step, number> = {
    come: 0,
    go: 0,
    move: 0,
    renumber: 0,
    rewrite: 0,
    junk: 0,
    vandalise: 0,
  };
  readonly #overlay: OverlayLab;
  readonly #type: string;
  readonly #random: SeededRandom;
  /** The hosts whose kernel is tampered with. */
  readonly #victims: readonly LabHost[];
  readonly #there: MadeUpHost[] = [];
  readonly #workshop: string;
  #made = 0;

  constructor(overlay: OverlayLab, type: string, random: SeededRandom, victims: readonly LabHost[]) {
    this.#overlay = overlay;
    this.#type = type;
    this.#random = random;
    this.#victims = victims;
    this.#workshop = join(overlay.lab.directory, 'workshop');
    mkdirSync(this.#workshop);
  }

  /** Fills the store up to the average. */
  fill(): void {
    while (this.#there.length < CROWD) this.#come();
  }

  /** Does one thing. */
  async step(): Promise<void> {
    const step = this.#choose();
    this.counts[step] += 1;
    const at = this.#random.below(this.#there.length);
    const host = this.#there[at];
    switch (step) {
      case 'come':
        return this.#come();
      case 'go':
        this.#there.splice(at, 1);
        return this.#overlay.removeLease(leaseName(100 + host.number));
      case 'move':
        this.#there[at] = { ...host, endpoint: this.#free(ENDPOINTS, 'endpoint') };
        return this.#write(this.#there[at]);
      case 'renumber':
        // As a host does that moves: the new lease first.
        this.#there[at] = { ...host, number: this.#freeNumber() };
        this.#write(this.#there[at]);
        return this.#overlay.removeLease(leaseName(100 + host.number));
      case 'rewrite':
        return this.#write(host);
      case 'junk':
        this.#put(leaseName(100 + host.number), '{"PublicIP":');
        return this.#write(host);
      case 'vandalise':
        await this.#vandalise(host);
    }
  }

  #choose(): Step {
    // The more there are, the rather one goes.
    const crowd = this.#there.length / CROWD;
    const weights: readonly [Step, number][] = [
      ['come', this.#there.length < MOST ? 30 / crowd : 0],
      ['go', 30 * crowd],
      ['move', 25],
      ['renumber', 5],
      ['rewrite', 5],
      ['junk', 3],
      ['vandalise', 5],
    ];
    let left = this.#random.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [step, weight] of weights) {
      left -= weight;
      if (left < 0) return step;
    }
    return 'rewrite';
  }

  #come(): void {
    const number = this.#freeNumber();
    const host = { number, endpoint: this.#free(ENDPOINTS, 'endpoint'), id: `made-up-${++this.#made}` };
    this.#there.push(host);
    this.#write(host);
  }

  #freeNumber(): number {
    return this.#free(
      Array.from({ length: 156 }, (_, i) => i),
      'number',
    );
  }

  #free(values: readonly number[], member: 'number' | 'endpoint'): number {
    const taken = new Set(this.#there.map((host) => host[member]));
    return this.#random.pick(values.filter((value) => !taken.has(value)));
  }

  #write(host: MadeUpHost): void {
    const { name, value } = madeUpLease(this.#overlay, this.#type, host);
    this.#put(name, JSON.stringify(value));
  }

  /** Puts a whole file in its place at once, as every agent does. */
  #put(name: string, text: string): void {
    const unfinished = join(this.#workshop, name);
    writeFileSync(unfinished, text);
    renameSync(unfinished, join(this.#overlay.store, name));
  }

  /** Deletes something that an agent made for a made-up host. */
  async #vandalise({ number }: MadeUpHost): Promise<void> {
    const third = 100 + number;
    const victim = this.#random.pick(this.#victims);
    const routes = [`-4 route del 10.244.${third}.0/24 proto 111`, `-6 route del fd00:244:0:${third}::/64 proto 111`];
    const neighbours = [
      `neigh del 10.244.${third}.0 dev flannel.1`,
      `neigh del fd00:244:0:${third}:: dev flannel-v6.1`,
    ];
    const command = this.#random.pick(this.#type === 'vxlan' ? [...routes, ...neighbours] : routes);
    // What is to be deleted may just not be there.
    await victim.exec(['ip', ...command.split(' ')], { check: false });
  }

  /** Removes the folder in which it works. */
  close(): void {
    rmSync(this.#workshop, { recursive: true, force: true });
  }
}
