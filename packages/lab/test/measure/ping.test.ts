import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { parsePing, pingArgv } from '../../dist/measure/ping.js';

const ALL = `PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.
64 bytes from 10.244.2.2: icmp_seq=1 ttl=62 time=1.50 ms
64 bytes from 10.244.2.2: icmp_seq=2 ttl=62 time=0.081 ms
64 bytes from 10.244.2.2: icmp_seq=3 ttl=62 time=0.062 ms

--- 10.244.2.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 101ms
rtt min/avg/max/mdev = 0.062/0.547/1.500/0.673 ms
`;

const ONE_LOST = `PING fd00::2(fd00::2) 56 data bytes
64 bytes from fd00::2: icmp_seq=2 ttl=62 time=0.081 ms
64 bytes from fd00::2: icmp_seq=3 ttl=62 time=0.062 ms

--- fd00::2 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 2025ms
rtt min/avg/max/mdev = 0.062/0.071/0.081/0.009 ms
`;

const UNREACHABLE = `PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.
From 192.168.77.1 icmp_seq=1 Destination Net Unreachable
From 192.168.77.1 icmp_seq=2 Destination Net Unreachable

--- 10.244.2.2 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 51ms
`;

const TOO_BIG = `PING 10.244.2.2 (10.244.2.2) 1572(1600) bytes of data.
From 10.244.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1500)

--- 10.244.2.2 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms
`;

const NOTHING = `PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.

--- 10.244.2.2 ping statistics ---
3 packets transmitted, 0 received, 100% packet loss, time 101ms
`;

describe('parsePing', () => {
  test('all came back: the median, which the slow first one does not move', () => {
    expect(parsePing(ALL, '', 3)).toEqual({ sent: 3, received: 3, rttMs: 0.081 });
  });

  test.each([
    ['one lost', ONE_LOST, '', { sent: 3, received: 2, rttMs: 0.062, problem: 'no answer' }],
    [
      'unreachable',
      UNREACHABLE,
      '',
      { sent: 2, received: 0, rttMs: null, problem: 'From 192.168.77.1 Destination Net Unreachable' },
    ],
    [
      'too big on the way',
      TOO_BIG,
      '',
      { sent: 1, received: 0, rttMs: null, problem: 'From 10.244.1.1 Frag needed and DF set (mtu = 1500)' },
    ],
    [
      'too big for the own device',
      NOTHING,
      'ping: local error: message too long, mtu=1500\n',
      { sent: 3, received: 0, rttMs: null, problem: 'local error: message too long, mtu=1500' },
    ],
    ['silence', NOTHING, '', { sent: 3, received: 0, rttMs: null, problem: 'no answer' }],
    [
      'not sent at all',
      '',
      'ping: connect: Network is unreachable\n',
      { sent: 3, received: 0, rttMs: null, problem: 'connect: Network is unreachable' },
    ],
  ])('%s', (_, stdout, stderr, expected) => {
    expect(parsePing(stdout, stderr, 3)).toEqual(expected);
  });
});

describe('pingArgv', () => {
  test.each([
    ['10.0.0.1', '1472'],
    ['fd00::1', '1452'],
  ])('a packet of 1500 bytes to %s carries %s', (to, payload) => {
    const argv = pingArgv(parseAddress(to), { packetSize: 1500 });
    expect(argv.slice(argv.indexOf('-M'))).toEqual(['-M', 'do', '-s', payload, to]);
  });

  test('without a size fragments are allowed', () => {
    expect(pingArgv(parseAddress('10.0.0.1'))).not.toContain('-M');
  });
});
