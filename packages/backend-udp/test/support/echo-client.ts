// Compares what comes back byte for byte: echo-client.js ADDRESS PORT udp|tcp FROM TO, for every length, or
// echo-client.js ADDRESS PORT bulk BYTES for one stream. Prints how many came back as they were sent.
import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

const [address = '', port = '', how = '', first = '', last = ''] = process.argv.slice(2);
/** Every payload is a part of this one, another one for each length. */
const random = randomBytes(1 << 16);
const payload = (length: number): Buffer => random.subarray(length, 2 * length);
/** Lost datagrams are sent again: buffers of a busy machine overflow, and that is not what is tested. */
const PATIENCE_MS = 300;
const ATTEMPTS = 20;

async function datagrams(from: number, to: number): Promise<number> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  let heard: ((message?: Buffer) => void) | undefined;
  socket.on('message', (message) => heard?.(message));
  let same = 0;
  for (let length = from; length <= to; length += 1) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const answer = await new Promise<Buffer | undefined>((resolve) => {
        const late = setTimeout(() => resolve(undefined), PATIENCE_MS);
        heard = (message) => {
          // A late answer to an earlier attempt at a shorter one is nothing.
          if (message && message.length < length) return;
          clearTimeout(late);
          resolve(message);
        };
        socket.send(payload(length), Number(port), address);
      });
      if (!answer) continue;
      if (answer.equals(payload(length))) same += 1;
      break;
    }
  }
  socket.close();
  return same;
}

async function stream(from: number, to: number): Promise<number> {
  const socket = connect({ host: address, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  let got: Buffer[] = [];
  let bytes = 0;
  let more: (() => void) | undefined;
  socket.on('data', (chunk: Buffer) => {
    got.push(chunk);
    bytes += chunk.length;
    more?.();
  });
  let same = 0;
  for (let length = from; length <= to; length += 1) {
    socket.write(payload(length));
    while (bytes < length) await new Promise<void>((resolve) => (more = resolve));
    if (Buffer.concat(got).equals(payload(length))) same += 1;
    got = [];
    bytes = 0;
  }
  socket.destroy();
  return same;
}

async function bulk(total: number): Promise<number> {
  const socket = connect({ host: address, port: Number(port) });
  await once(socket, 'connect');
  let got = 0;
  let same = 0;
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      const start = (got + at) % random.length;
      const part = chunk.subarray(at, at + random.length - start);
      if (part.equals(random.subarray(start, start + part.length))) same += part.length;
      at += part.length;
    }
    got += chunk.length;
  });
  for (let sent = 0; sent < total; sent += random.length) {
    if (!socket.write(random)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  return same;
}

async function run(): Promise<number> {
  if (how === 'bulk') return bulk(Number(first));
  return (how === 'udp' ? datagrams : stream)(Number(first), Number(last));
}

process.stdout.write(`${await run()}\n`);
