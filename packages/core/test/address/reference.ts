/*
 * Slow and obvious references for the address arithmetic: everything is a BigInt, text is made by definition. They share
 * no code with what they check.
 */

/** The value of an IPv4 address by its four numbers. */
export function quadValue(text: string): bigint {
  return text.split('.').reduce((value, octet) => value * 256n + BigInt(octet), 0n);
}

/** The four numbers of a value. */
export function quadText(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
}

/** The value of an IPv6 address: `::` written out, a dotted quad turned into two groups. */
export function groupsValue(text: string): bigint {
  const plain = text.replace(/[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/, (quad) => {
    const value = quadValue(quad);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n);
}

/** RFC 5952 by trying every place for `::` and taking the best. */
export function groupsText(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${quadText(value & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, at) => (value >> BigInt(16 * (7 - at))) & 0xffffn);
  let best = groups.map((group) => group.toString(16)).join(':');
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    for (let end = start + 2; end <= 8; end++) {
      if (groups.slice(start, end).some((group) => group !== 0n) || end - start <= bestLength) continue;
      const [head, tail] = [groups.slice(0, start), groups.slice(end)].map((part) =>
        part.map((group) => group.toString(16)).join(':'),
      );
      best = `${head}::${tail}`;
      bestLength = end - start;
    }
  }
  return best;
}

/** A family's text and value functions and its number of bits. */
export const reference = {
  ipv4: { bits: 32n, value: quadValue, text: quadText },
  ipv6: { bits: 128n, value: groupsValue, text: groupsText },
} as const;

/** First and last value of a prefix around a value. */
export function span(value: bigint, length: number, bits: bigint): { first: bigint; last: bigint } {
  const size = 2n ** (bits - BigInt(length));
  const first = (value / size) * size;
  return { first, last: first + size - 1n };
}
