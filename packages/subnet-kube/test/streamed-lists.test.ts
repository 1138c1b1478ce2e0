import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import { MessageWriter } from '@overlay/core/protobuf';
import { HandClock } from '@overlay/core/testing';
import type { ApiClient } from '../dist/api/api-client.js';
import { refused } from '../dist/api/failure.js';
import type { NodeListener } from '../dist/view/node-source.js';
import { NodeSource } from '../dist/view/node-source.js';
import { endOfInitialEvents, enveloped, frame, node, START } from './support/protobuf-objects.js';

/** What Kubernetes 1.36 says on an etcd before 3.4.31. */
const ETCD_TOO_OLD =
  'a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled';

const STREAM = Buffer.concat([
  frame('ADDED', enveloped('Node', node('a'))),
  frame('BOOKMARK', enveloped('Node', endOfInitialEvents('80'))),
]);
const LIST = enveloped(
  'NodeList',
  new MessageWriter().message(1, new MessageWriter().text(2, '90')).message(2, node('a')),
);

/** An API server that refuses to stream what there is, with one status after the other, and then does it. */
class Refusing {
  readonly asked: string[] = [];
  readonly source: NodeSource;
  readonly #refusals: (readonly [code: number, message: string])[];
  #complete = 0;

  constructor(...refusals: (readonly [code: number, message: string])[]) {
    this.#refusals = refusals;
    const stream: ApiClient['stream'] = async (path, take, _alive, { what }) => {
      const streamed = path.includes('sendInitialEvents');
      this.asked.push(streamed ? 'stream' : 'list');
      const [code, message] = (streamed ? this.#refusals.shift() : undefined) ?? [];
      if (code !== undefined) throw refused(what, 'it', { code, reason: '', message: message ?? '' });
      take(streamed ? STREAM : LIST);
    };
    this.source = new NodeSource({
      client: { server: 'it', patienceMs: 10_000, stream } as unknown as ApiClient,
      clock: new HandClock(),
      logger: silentLogger,
      reading: { start: START, own: () => 'a' },
      silenceMs: 90_000,
    });
  }

  /** Reads everything; how often it was complete by then, or why it was not. */
  async read(): Promise<number | string> {
    const nothing = (): void => undefined;
    const complete = (): void => void this.#complete++;
    const ways = { listed: nothing, changed: nothing, deleted: nothing, alive: nothing, settled: nothing };
    const listener: NodeListener = { ...ways, complete };
    return this.source.readAll(listener, new AbortController().signal).then(
      () => this.#complete,
      (error: Error) => error.message,
    );
  }
}

describe('an API server that refuses to stream a list', () => {
  test.each([
    [400, 'unknown parameter'],
    [422, 'sendInitialEvents: Forbidden'],
    [500, ETCD_TOO_OLD],
  ])('with %d, %s, is asked for all of it, and to stream it the next time', async (code, message) => {
    const server = new Refusing([code, message]);
    expect(await server.read()).toBe(1);
    expect(server.asked).toEqual(['stream', 'list']);
    expect(await server.read()).toBe(2);
    expect(server.asked).toEqual(['stream', 'list', 'stream']);
  });

  test.each([
    [500, 'etcdserver: request timed out'],
    [429, 'too many requests'],
    [503, 'unavailable'],
  ])('with %d, %s, is asked to stream it again, later', async (code, message) => {
    const server = new Refusing([code, message]);
    expect(await server.read()).toContain(message);
    expect(await server.read()).toBe(1);
    expect(server.asked).toEqual(['stream', 'stream']);
  });

  test('is asked for all of it when it has an error of its own twice, whatever that says', async () => {
    const server = new Refusing([500, 'something else'], [500, 'something else']);
    expect(await server.read()).toContain('something else');
    expect(await server.read()).toBe(1);
    expect(server.asked).toEqual(['stream', 'stream', 'list']);
  });
});
