import { describe, expect, test } from '@jest/globals';
import { parseAddress, parseMac } from '@overlay/core';
import { announcementFrame } from '../../dist/announce/frames.js';

const MAC = parseMac('02:00:00:00:0e:0e');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('what tells a link where an address is', () => {
  test('is an ARP announcement', () => {
    const { etherType, destination, payload } = announcementFrame(parseAddress('192.168.77.2'), MAC, { router: true });
    expect([etherType, hex(destination)]).toEqual([0x0806, 'ffffffffffff']);
    expect(hex(payload)).toBe('0001080006040001' + '020000000e0e' + 'c0a84d02' + '000000000000' + 'c0a84d02');
  });

  // The bytes of what Linux 6.18 sends with ndisc_notify, for the same address and MAC.
  test.each([
    [true, 'a0000000', 'cc8b'],
    [false, '20000000', '4c8c'],
  ])('is a neighbour advertisement; router: %s', (router, flags, sum) => {
    const frame = announcementFrame(parseAddress('fd00::2'), MAC, { router });
    expect([frame.etherType, hex(frame.destination)]).toEqual([0x86dd, '333300000001']);
    const addresses = 'fd000000000000000000000000000002' + 'ff020000000000000000000000000001';
    const header = `6000000000203aff${addresses}`;
    expect(hex(frame.payload)).toBe(`${header}8800${sum}${flags}fd000000000000000000000000000002` + '0201020000000e0e');
  });
});
