// A program: sends datagrams from an address. Arguments: own address, address, port, how many.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const [own, address, port, count] = process.argv.slice(2);
const EVERY_MS = 20;

const socket = createSocket(own.includes(':') ? 'udp6' : 'udp4');
socket.bind({ address: own });
await once(socket, 'listening');
for (let n = 0; n < Number(count); n += 1) {
  // What is refused on the way shows as silence.
  await new Promise<void>((resolve) => socket.send('?', Number(port), address, () => resolve()));
  await delay(EVERY_MS);
}
socket.close();
