// Sends back what it gets, by TCP and UDP: echo-server.js ADDRESS PORT
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [address = '', port = ''] = process.argv.slice(2);
const datagrams = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address));
datagrams.bind(Number(port), address, () => {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(Number(port), address, () => process.stdout.write('ready\n'));
});
