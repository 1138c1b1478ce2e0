// `send.js ADDRESS PORT HEX...`: sends datagrams with these bytes.
import { createSocket } from 'node:dgram';
import process from 'node:process';

const [address, port, ...payloads] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
for (const payload of payloads) {
  await new Promise<void>((resolve, reject) => {
    socket.send(Buffer.from(payload, 'hex'), Number(port), address, (error) => (error ? reject(error) : resolve()));
  });
}
socket.close();
