// What the pods of the tests run. `echo.js serve ADDRESS PORT`: sends back what comes by TCP and UDP. `echo.js ask
// tcp|udp ADDRESS PORT FROM TO STEP`: sends a payload of each length and compares what comes back, byte by byte; prints
// how many there were and exits with 0, or with 1 and the first length that differed.
import { createSocket } from 'node:dgram';
import type { Socket as Datagrams } from 'node:dgram';
import { createConnection, createServer } from 'node:net';
import process from 'node:process';

/** Payloads that are on the way at once. */
const WINDOW = 32;
/** A datagram may be lost on a busy machine; it is sent again after so long, and not for ever. */
const AGAIN_MS = 500;
const PATIENCE_MS = 120_000;

/** Bytes that differ from length to length and place to place. */
function payload(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + length * 7 + (i >> 8)) & 0xff;
  return bytes;
}

function serve(address: string, port: number): void {
  const datagrams = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address));
  datagrams.bind(port, address);
  createServer({ noDelay: true }, (socket) => socket.on('error', () => undefined).pipe(socket)).listen(
    port,
    address,
    () => {
      process.stdout.write('serving\n');
    },
  );
}

/** Each datagram is known by its length. */
function askUdp(address: string, port: number, lengths: readonly number[]): Promise<void> {
  const socket: Datagrams = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const left = [...lengths].reverse();
  const waiting = new Set<number>();
  return new Promise<void>((resolve, reject) => {
    const send = (length: number): void => socket.send(payload(length), port, address);
    const again = setInterval(() => waiting.forEach(send), AGAIN_MS);
    const late = setTimeout(() => end(new Error(`udp ${[...waiting].join(' ')}: nothing came back`)), PATIENCE_MS);
    const end = (error?: Error): void => {
      clearInterval(again);
      clearTimeout(late);
      socket.close();
      if (error) reject(error);
      else resolve();
    };
    const fill = (): void => {
      for (let next; waiting.size < WINDOW && (next = left.pop()) !== undefined; send(next)) waiting.add(next);
    };
    socket.on('message', (message) => {
      if (!message.equals(payload(message.length)))
        return end(new Error(`udp ${message.length}: it came back altered`));
      waiting.delete(message.length);
      fill();
      if (waiting.size === 0) end();
    });
    fill();
  });
}

/** Each payload is a write of its own, and so a packet or several of its own. */
function askTcp(address: string, port: number, lengths: readonly number[]): Promise<void> {
  const socket = createConnection({ port, host: address, noDelay: true });
  const left = [...lengths].reverse();
  const waiting: number[] = [];
  let got: Buffer = Buffer.alloc(0);
  return new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => end(new Error(`tcp ${waiting[0]}: it did not come back`)), PATIENCE_MS);
    const end = (error?: Error): void => {
      clearTimeout(late);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const fill = (): void => {
      for (let next; waiting.length < WINDOW && (next = left.pop()) !== undefined; socket.write(payload(next))) {
        waiting.push(next);
      }
    };
    socket.on('error', end);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      while (waiting.length > 0 && got.length >= waiting[0]) {
        const length = waiting.shift() ?? 0;
        if (!got.subarray(0, length).equals(payload(length))) return end(new Error(`tcp ${length}: altered`));
        got = got.subarray(length);
      }
      fill();
      if (waiting.length === 0) end();
    });
    fill();
  });
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === 'serve') {
  serve(rest[0], Number(rest[1]));
} else {
  const [protocol, address, port, from, to, step] = rest;
  const lengths: number[] = [];
  for (let length = Number(from); length <= Number(to); length += Number(step)) lengths.push(length);
  await (protocol === 'udp' ? askUdp : askTcp)(address, Number(port), lengths);
  process.stdout.write(`${lengths.length}\n`);
}
