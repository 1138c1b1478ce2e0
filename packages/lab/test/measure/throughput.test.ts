import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { iperfClientArgv, parseIperf } from '../../dist/measure/throughput.js';

describe('parseIperf', () => {
  test('what the receiver got counts', () => {
    const text = JSON.stringify({
      end: {
        sum_sent: { bits_per_second: 2e9, retransmits: 4 },
        sum_received: { bits_per_second: 1.5e9 },
      },
    });
    expect(parseIperf(text, 'x')).toEqual({ mbps: 1500, retransmits: 4, lostPercent: null });
  });

  test('loss of UDP is told', () => {
    const sum = { bits_per_second: 1e8, lost_percent: 2.5 };
    expect(parseIperf(JSON.stringify({ end: { sum, sum_received: sum } }), 'x')).toEqual({
      mbps: 100,
      retransmits: null,
      lostPercent: 2.5,
    });
  });

  test.each([
    ['', 'h1 to h2: iperf3 gave no report'],
    [JSON.stringify({ error: 'unable to connect' }), 'h1 to h2: iperf3: unable to connect'],
    [JSON.stringify({ end: {} }), 'h1 to h2: iperf3: nothing received'],
  ])('%j', (text, message) => {
    expect(() => parseIperf(text, 'h1 to h2')).toThrow(
      expect.objectContaining({ code: 'OVERLAY_LAB_THROUGHPUT', message }),
    );
  });
});

test('the client is told everything', () => {
  const options = { protocol: 'udp', seconds: 1, streams: 8, bitrate: '100M', length: 64, dontFragment: true } as const;
  expect(iperfClientArgv(parseAddress('10.0.0.1'), options).join(' ')).toBe(
    'iperf3 -J -c 10.0.0.1 -t 1 -P 8 -u -b 100M -l 64 --dont-fragment',
  );
});
