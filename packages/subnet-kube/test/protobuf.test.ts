import { describe, expect, test } from '@jest/globals';
import { MessageReader, MessageWriter } from '@overlay/core/protobuf';
import { openEnvelope, readStatus } from '../dist/protobuf/envelope.js';
import { ListItems } from '../dist/protobuf/list-items.js';
import { readNode } from '../dist/protobuf/node.js';
import { WatchFrames } from '../dist/protobuf/watch-frames.js';
import { endOfInitialEvents, enveloped, frame, node, START } from './support/protobuf-objects.js';

const reading = { start: START, own: () => 'node-1' };

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

describe('what Kubernetes writes in protocol buffers', () => {
  test('a Node: name, podCIDRs, our annotations and nobody else’s', () => {
    const read = readNode(new MessageReader(node('node-2', ['10.5.2.0/24', 'fd00:5:0:2::/64']).finish()), reading);
    expect(read).toEqual({
      name: 'node-2',
      uid: 'uid-of-node-2',
      resourceVersion: '77',
      podCIDRs: ['10.5.2.0/24', 'fd00:5:0:2::/64'],
      annotations: new Map([
        ['public-ip', '192.0.2.1'],
        ['backend-data', 'null'],
      ]),
    });
  });

  test('of the own Node the condition too; a podCIDR without podCIDRs', () => {
    const message = new MessageWriter()
      .message(1, new MessageWriter().text(1, 'node-1').text(6, '5'))
      .message(2, new MessageWriter().text(1, '10.5.9.0/24'));
    expect(readNode(new MessageReader(message.finish()), reading).podCIDRs).toEqual(['10.5.9.0/24']);
    const own = readNode(new MessageReader(node('node-1').finish()), reading);
    expect(own.networkUnavailable).toEqual({ status: 'False', reason: 'Because' });
  });

  test.each([1, 2, 3, 5, 64, 10_000])('a list, in pieces of %d bytes', (size) => {
    const metadata = new MessageWriter().text(2, '4711');
    const list = new MessageWriter().message(1, metadata);
    for (const name of ['a', 'b', 'c']) list.message(2, node(name));
    const items = new ListItems();
    const names: string[] = [];
    for (const piece of pieces(enveloped('NodeList', list), size)) {
      expect(items.complete).toBe(false);
      for (const item of items.push(piece)) names.push(readNode(item, reading).name);
    }
    expect([names, items.resourceVersion, items.complete]).toEqual([['a', 'b', 'c'], '4711', true]);
  });

  test('a list without items; a list that is cut off; something that is none', () => {
    const empty = new ListItems();
    expect([
      ...empty.push(enveloped('NodeList', new MessageWriter().message(1, new MessageWriter().text(2, '9')))),
    ]).toEqual([]);
    expect([empty.complete, empty.resourceVersion]).toEqual([true, '9']);
    const cut = new ListItems();
    const bytes = enveloped('NodeList', new MessageWriter().message(2, node('a')));
    expect([...cut.push(bytes.subarray(0, bytes.length - 1))]).toEqual([]);
    expect(cut.complete).toBe(false);
    expect(() => [...new ListItems().push(Buffer.from('{"kind":"NodeList"}'))]).toThrow('does not begin');
  });

  test.each([1, 3, 7, 10_000])('a watch, in pieces of %d bytes', (size) => {
    const stream = Buffer.concat([
      frame('ADDED', enveloped('Node', node('a'))),
      frame('BOOKMARK', enveloped('Node', endOfInitialEvents('80'))),
      frame('DELETED', enveloped('Node', node('b'))),
    ]);
    const frames = new WatchFrames();
    const told: unknown[] = [];
    for (const piece of pieces(stream, size)) {
      for (const { type, kind, message } of frames.push(piece)) {
        const { name, resourceVersion, endsInitialEvents } = readNode(message, reading);
        told.push([type, kind, name, resourceVersion, endsInitialEvents]);
      }
    }
    expect(told).toEqual([
      ['ADDED', 'Node', 'a', '77', undefined],
      ['BOOKMARK', 'Node', '', '80', true],
      ['DELETED', 'Node', 'b', '77', undefined],
    ]);
  });

  test('a Status', () => {
    const status = new MessageWriter().text(2, 'Failure').text(3, 'too old').text(4, 'Expired').number(6, 410);
    const { kind, message } = openEnvelope(enveloped('Status', status));
    expect([kind, readStatus(message)]).toEqual(['Status', { message: 'too old', reason: 'Expired', code: 410 }]);
  });

  test('what is no stream of a watch is refused', () => {
    expect(() => [...new WatchFrames().push(Buffer.from('{"type":"ADDED"}'))]).toThrow('claims to have');
    expect(() => [...new WatchFrames().push(frame('ADDED', Buffer.from('{"kind":"Node"}')))]).toThrow('does not begin');
  });
});
