import { createSocket } from 'node:dgram';

// Binds the UDP port until it is ended: the type of socket, then the port.
const [type, port] = process.argv.slice(2);
const socket = createSocket({ type: type === 'udp6' ? 'udp6' : 'udp4', ipv6Only: type === 'udp6' });
socket.bind(Number(port), () => process.send?.('bound'));
