// Sends datagrams whose payloads are given in hexadecimal: send-datagrams.js ADDRESS PORT TIMES PAYLOAD...
import { createSocket } from 'node:dgram';

const [address = '', port = '', times = '1', ...payloads] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
for (let time = 0; time < Number(times); time += 1) {
  for (const payload of payloads) {
    await new Promise((resolve) => socket.send(Buffer.from(payload, 'hex'), Number(port), address, resolve));
  }
}
socket.close();
