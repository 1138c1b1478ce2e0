// A program: sends back over TCP and UDP what it gets, until it is killed. Argument: the port.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const port = Number(process.argv[2]);

// The half that has heard everything still has to send it back.
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
server.listen(port, '::');
await once(server, 'listening');

const udp = createSocket('udp6');
udp.on('message', (message, peer) => udp.send(message, peer.port, peer.address));
udp.bind(port, '::');
await once(udp, 'listening');

process.stdout.write('listening\n');
