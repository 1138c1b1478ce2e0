import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { IcmpSender } from '../../dist/probe/icmp-sender.js';
import type { RawSocket, RawSocketModule } from '../../dist/probe/raw-socket.js';

/** A raw socket whose every request is answered, or refused. */
class EchoingSocket extends EventEmitter implements RawSocket {
  readonly options: (readonly [level: number, option: number, value: string])[] = [];
  closed = 0;
  error: Error | null = null;

  constructor(readonly family: number) {
    super();
  }

  send(
    buffer: Buffer,
    _offset: number,
    _length: number,
    _to: string,
    sent: (error: Error | null, n: number) => void,
  ): void {
    const answer = Buffer.from(buffer);
    answer[0] = this.family === 1 ? 0 : 129;
    const header = Buffer.from('4500003000004000400100000af402000af40100', 'hex');
    queueMicrotask(() => {
      sent(this.error, buffer.length);
      if (this.error === null) this.emit('message', this.family === 1 ? Buffer.concat([header, answer]) : answer, 'x');
    });
  }

  setOption(level: number, option: number, value: Buffer, length: number): void {
    this.options.push([level, option, value.subarray(0, length).toString('hex')]);
  }

  close(): void {
    this.closed++;
  }
}

function world(): { sockets: EchoingSocket[]; raw: RawSocketModule; fail: (why?: string) => void } {
  const sockets: EchoingSocket[] = [];
  let refusal: string | undefined;
  const raw: RawSocketModule = {
    AddressFamily: { IPv4: 1, IPv6: 2 },
    createSocket: ({ addressFamily }) => {
      if (refusal !== undefined) throw new Error(refusal);
      const socket = new EchoingSocket(addressFamily);
      sockets.push(socket);
      return socket;
    },
  };
  return { sockets, raw, fail: (why) => (refusal = why) };
}

const V4 = parseAddress('10.244.1.0');
const V6 = parseAddress('fd00:244:0:1::');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = (why: string): void => {
  throw new Error(why);
};

describe('sending', () => {
  test('opens one socket for each family when it is needed, and tells the token of each answer', async () => {
    const { sockets, raw } = world();
    const answers: number[] = [];
    const sender = new IcmpSender(raw, (token) => answers.push(token));
    expect(sockets).toHaveLength(0);
    for (const [token, address] of [V4, V6, V4].entries()) sender.send({ address, token, refused: never });
    await turn();
    expect(answers).toEqual([0, 1, 2]);
    expect(sockets.map(({ family }) => family)).toEqual([1, 2]);
    sender.close();
    expect(sockets.map(({ closed }) => closed)).toEqual([1, 1]);
  });

  test('lets only echo replies come', () => {
    const { sockets, raw } = world();
    const sender = new IcmpSender(raw, () => undefined);
    sender.send({ address: V4, token: 0, refused: never });
    sender.send({ address: V6, token: 0, refused: never });
    // Words in the order of this machine's bytes, all of which are little-endian: bit 0, and bit 129 of 256.
    expect(sockets[0].options).toEqual([[255, 1, 'feffffff']]);
    expect(sockets[1].options).toEqual([[58, 1, 'ff'.repeat(16) + 'fdffffff' + 'ff'.repeat(12)]]);
    sender.close();
  });

  test('passes on why the kernel refuses', async () => {
    const { sockets, raw } = world();
    const sender = new IcmpSender(raw, () => undefined);
    sender.send({ address: V4, token: 0, refused: never });
    await turn();
    sockets[0].error = new Error('Network is unreachable');
    const reasons: string[] = [];
    sender.send({ address: V4, token: 1, refused: (why) => reasons.push(why) });
    await turn();
    expect(reasons).toEqual(['Network is unreachable']);
    sender.close();
  });

  test('without the right to a socket: an error that names it; with it, it goes on', () => {
    const { raw, fail } = world();
    const sender = new IcmpSender(raw, () => undefined);
    fail('Operation not permitted');
    const send = (): void => sender.send({ address: V4, token: 0, refused: never });
    expect(send).toThrow(
      expect.objectContaining({ code: 'OVERLAY_PROBE_SOCKET', message: expect.stringContaining('CAP_NET_RAW') }),
    );
    fail(undefined);
    expect(send).not.toThrow();
    sender.close();
  });

  test('a socket that breaks is replaced', async () => {
    const { sockets, raw } = world();
    const answers: number[] = [];
    const sender = new IcmpSender(raw, (token) => answers.push(token));
    sender.send({ address: V4, token: 0, refused: never });
    sockets[0].emit('error', new Error('-9'));
    expect(sockets[0].closed).toBe(1);
    await turn();
    sender.send({ address: V4, token: 1, refused: never });
    await turn();
    expect(sockets).toHaveLength(2);
    expect(answers).toContain(1);
    sender.close();
    expect(sockets.map(({ closed }) => closed)).toEqual([1, 1]);
  });
});
