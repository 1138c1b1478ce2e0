import { afterEach, describe, expect, test } from '@jest/globals';
import { HandClock, SeededRandom } from '@overlay/core/testing';
import type { ApiClient, Asking } from '../dist/api/api-client.js';
import { refused, unanswered } from '../dist/api/failure.js';
import { OwnName } from '../dist/node/own-name.js';
import { NodeView } from '../dist/view/node-view.js';
import { silentLogger } from '@overlay/core';
import { endOfInitialEvents, enveloped, frame, node, START } from './support/protobuf-objects.js';

const NODES = 500;
const HOSTS = 40;
const ALL_NODES = Buffer.concat([
  ...Array.from({ length: NODES }, (_, n) => frame('ADDED', enveloped('Node', node(`node-${n}`)))),
  frame('BOOKMARK', enveloped('Node', endOfInitialEvents('80'))),
]);

/** What the views of all hosts ask, and when: a list is streamed at once and then goes on as a watch, until it is cut. */
class Asked {
  readonly lists: number[] = [];
  readonly #cuts = new Set<() => void>();

  constructor(private readonly clock: HandClock) {}

  /** In the place of the client of one host. */
  get client(): ApiClient {
    const stream: ApiClient['stream'] = (path, take, _alive, { what, signal }: Asking) => {
      if (!path.includes('sendInitialEvents')) {
        return Promise.reject(refused(what, 'it', { code: 410, reason: 'Expired', message: 'too old' }));
      }
      this.lists.push(this.clock.now());
      take(ALL_NODES);
      return new Promise((_, reject) => {
        const end = (): void => reject(unanswered(what, 'it', 'it was cut'));
        this.#cuts.add(end);
        signal.addEventListener('abort', end);
      });
    };
    return { server: 'it', patienceMs: 10_000, stream } as unknown as ApiClient;
  }

  cut(): void {
    for (const cut of this.#cuts) cut();
    this.#cuts.clear();
  }
}

describe('when all hosts have to read all Nodes again', () => {
  const views: NodeView[] = [];
  afterEach(async () => {
    await Promise.all(views.splice(0).map((view) => view.close()));
  });

  /** Milliseconds from the API server's return, with its history gone, until each host begins to read, in order. */
  async function startsAfterLoss(spreadMs: number): Promise<number[]> {
    const clock = new HandClock();
    const asked = new Asked(clock);
    const random = new SeededRandom(4711);
    for (let n = 0; n < HOSTS; n++) {
      const { client } = asked;
      const ownName = new OwnName({ name: `node-${n}` }, client);
      const times = { silenceMs: 90_000, spreadMs };
      const view = new NodeView({
        ...{ client, clock, logger: silentLogger, start: START, ownName },
        ...times,
        random: () => random.next(),
      });
      views.push(view);
      view.start();
    }
    await clock.advance(0);
    // For the first time nobody waits.
    expect(asked.lists).toHaveLength(HOSTS);
    const cutAt = clock.now();
    asked.cut();
    await clock.advance(600_000);
    return asked.lists.slice(HOSTS).map((at) => at - cutAt);
  }

  /** The most that begin within a tenth of the spread. */
  function crowd(starts: readonly number[], spreadMs: number): number {
    return Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + spreadMs / 10).length));
  }

  test('they begin one after the other, the more Nodes the longer', async () => {
    const starts = await startsAfterLoss(30_000);
    expect(starts).toHaveLength(HOSTS);
    const spread = NODES * 6;
    expect(starts.at(0)).toBeLessThan(spread / 4);
    expect(starts.at(-1)).toBeGreaterThan((spread * 3) / 4);
    // What comes on top is the first retry.
    expect(starts.at(-1)).toBeLessThan(spread + 500);
    expect(crowd(starts, spread)).toBeLessThan(HOSTS / 4);
  });

  test('but not longer than they are told', async () => {
    const starts = await startsAfterLoss(1_000);
    expect(starts).toHaveLength(HOSTS);
    expect(starts.at(-1)).toBeGreaterThan(750);
    expect(starts.at(-1)).toBeLessThan(1_500);
    expect(crowd(starts, 1_000)).toBeLessThan(HOSTS / 3);
  });
});
