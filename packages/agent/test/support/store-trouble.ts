import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import type { Family } from '@overlay/core';
import { cameBack } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import type { OverlayLab } from './overlay-lab.js';
import { SteadyPing } from './steady-ping.js';

/** Lines that an agent may write about one misfortune. */
const STORM = 25;

/** Hosts at work, to whose store something happens: what has to be so afterwards, whatever it was. */
export class StoreTrouble {
  readonly #agents: readonly (number | undefined)[];
  readonly #logged: readonly number[];

  /** @param madeUp peers that are in the store only */
  constructor(
    private readonly overlay: OverlayLab,
    private readonly madeUp = 0,
  ) {
    this.#agents = this.#pids();
    this.#logged = this.#hosts.map((host) => lines(host).length - 1);
  }

  /** What a host has logged since. */
  news(host: LabHost): string[] {
    return lines(host).slice(this.#logged[this.#hosts.indexOf(host)]);
  }

  /** A ping from each host's pod to the next one's. */
  async pings(family: Family = 'ipv4'): Promise<SteadyPing[]> {
    const hosts = this.#hosts;
    return await Promise.all(
      hosts.map((from, at) => {
        const to = this.overlay.host((at + 1) % hosts.length);
        const log = this.overlay.file(from, `ping-${family}-${performance.now()}`);
        return SteadyPing.start(from.pods[0], to.pods[0].addresses[family], log);
      }),
    );
  }

  async nothingLost(pings: readonly SteadyPing[]): Promise<void> {
    for (const { answered, lost } of await Promise.all(pings.map((each) => each.stop()))) {
      expect(answered).toBeGreaterThan(100);
      expect(lost).toEqual([]);
    }
  }

  /** All know each other, all pods reach each other, no agent was started anew, and nobody has filled a log. */
  async overcome(): Promise<void> {
    const hosts = this.#hosts;
    for (const host of hosts) await this.overlay.settled(host, hosts.length - 1 + this.madeUp);
    expect(this.#pids()).toEqual(this.#agents);
    const pings = await this.overlay.lab.pingMatrix({ count: 1 });
    expect(pings.filter((result) => !cameBack(result))).toEqual([]);
    for (const host of hosts) {
      const news = this.news(host);
      expect(news.length > STORM ? news : []).toEqual([]);
    }
  }

  get #hosts(): readonly LabHost[] {
    return this.overlay.lab.hosts;
  }

  #pids(): (number | undefined)[] {
    return this.#hosts.map(({ agent }) => (agent?.exit === undefined ? agent?.pid : undefined));
  }
}

function lines(host: LabHost): string[] {
  return readFileSync(host.logFile, 'utf8').split('\n');
}
