// A program: exchanges bytes with an echo server and prints, as JSON, how many came back unchanged.
// Arguments: address, port, bytes of each datagram, bytes over each TCP connection, the two with commas.
//
// Linux sets "don't fragment" on TCP segments, and on datagrams that fit the MTU (ip(7), IP_PMTUDISC_WANT).
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { on } from 'node:events';
import { connect } from 'node:net';

const [address, portText, udpText, tcpText] = process.argv.slice(2);
const port = Number(portText);
const RESEND_MS = 100;
const TIMEOUT_MS = 5000;

/** Bytes of a datagram that came back; -1 when none did. */
async function exchangeDatagram(bytes: number): Promise<number> {
  const message = randomBytes(bytes);
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  // Errors of a send show as silence.
  socket.on('error', () => undefined);
  const send = (): void => socket.send(message, port, address, () => undefined);
  const again = setInterval(send, RESEND_MS);
  try {
    send();
    for await (const [answer] of on(socket, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) })) {
      if (message.equals(answer as Buffer)) return bytes;
    }
    return -1;
  } catch {
    return -1;
  } finally {
    clearInterval(again);
    socket.close();
  }
}

/** Bytes that came back over one connection; -1 when they are others. */
function exchangeStream(bytes: number): Promise<number> {
  const message = randomBytes(bytes);
  return new Promise((resolve) => {
    const socket = connect(port, address);
    const answer: Buffer[] = [];
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => answer.push(chunk));
    socket.on('close', () => {
      const all = Buffer.concat(answer);
      resolve(all.equals(message.subarray(0, all.length)) ? all.length : -1);
    });
    socket.end(message);
  });
}

const numbers = (text: string): number[] =>
  text
    .split(',')
    .filter((each) => each !== '')
    .map(Number);
const udp: number[] = [];
for (const bytes of numbers(udpText)) udp.push(await exchangeDatagram(bytes));
const tcp: number[] = [];
for (const bytes of numbers(tcpText)) tcp.push(await exchangeStream(bytes));
process.stdout.write(`${JSON.stringify({ udp, tcp })}\n`);
