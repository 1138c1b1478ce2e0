import { describe, expect, test } from '@jest/globals';
import { MessageReader, MessageWriter } from '@overlay/core/protobuf';
import { openEnvelope, readStatus } from '../dist/protobuf/envelope.js';
import { ListItems } from '../dist/protobuf/list-items.js';
import { readNode } from '../dist/protobuf/node.js';
import { WatchFrames } from '../dist/protobuf/watch-frames.js';

const MAGIC = Buffer.from('k8s\0', 'latin1');
const START = 'flannel.alpha.coreos.com/';
const reading = { start: START, own: () => 'node-1' };

function annotation(key: string, value: string): MessageWriter {
  return new MessageWriter().text(1, key).text(2, value);
}

function node(name: string, podCIDRs: readonly string[] = ['10.5.1.0/24']): MessageWriter {
  const metadata = new MessageWriter()
    .text(1, name)
    .text(5, `uid-of-${name}`)
    .text(6, '77')
    .message(11, annotation('kubernetes.io/os', 'linux'))
    .message(12, annotation('a.example/long', 'x'.repeat(300)))
    .message(12, annotation(`${START}public-ip`, '192.0.2.1'))
    .message(12, annotation(`${START}backend-data`, 'null'));
  const spec = new MessageWriter().text(1, podCIDRs[0] ?? '').text(3, 'provider');
  for (const podCIDR of podCIDRs) spec.text(7, podCIDR);
  const condition = (type: string, status: string): MessageWriter =>
    new MessageWriter().text(1, type).text(2, status).text(5, 'Because').text(6, 'of that');
  const status = new MessageWriter()
    .message(4, condition('Ready', 'True'))
    .message(4, condition('NetworkUnavailable', 'False'));
  return new MessageWriter().message(1, metadata).message(2, spec).message(3, status);
}

/** What runtime.Unknown makes of an object. */
function enveloped(kind: string, message: MessageWriter): Buffer {
  const type = new MessageWriter().text(1, 'v1').text(2, kind);
  return Buffer.concat([MAGIC, new MessageWriter().message(1, type).message(2, message).finish()]);
}

/** A field of bytes, which MessageWriter has none for. */
function bytesField(field: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length, rest]), bytes]);
}

function frame(type: string, object: Buffer): Buffer {
  const event = Buffer.concat([new MessageWriter().text(1, type).finish(), bytesField(2, bytesField(1, object))]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

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
    const end = new MessageWriter().message(
      1,
      new MessageWriter().text(6, '80').message(12, annotation('k8s.io/initial-events-end', 'true')),
    );
    const stream = Buffer.concat([
      frame('ADDED', enveloped('Node', node('a'))),
      frame('BOOKMARK', enveloped('Node', end)),
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
