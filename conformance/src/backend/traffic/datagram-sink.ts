// A program: prints the source address of each datagram that it gets, a line each, until it is killed. Argument: the port.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const socket = createSocket('udp6');
socket.on('message', (_message, { address }) => process.stdout.write(`from ${address.replace(/^::ffff:/, '')}\n`));
socket.bind(Number(process.argv[2]), '::');
await once(socket, 'listening');
process.stdout.write('listening\n');
