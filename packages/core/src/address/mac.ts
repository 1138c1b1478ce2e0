import { OverlayError } from '../errors.js';
import { identityHash } from '../identity-hash.js';
import { quoted } from '../quoted.js';

declare const brand: unique symbol;

/** A 48-bit Ethernet address in lower case with colons: `c6:d2:32:6f:8f:44`. Equal addresses are equal strings. */
export type Mac = string & { readonly [brand]: 'Mac' };

/** The three notations that Go's net.ParseMAC reads, which is what flanneld applies to a lease's VtepMAC. */
const NOTATIONS = [
  /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i,
] as const;

/** The canonical address that `text` stands for (colons, hyphens, or groups of four with dots), or undefined. */
export function tryParseMac(text: string): Mac | undefined {
  // Nearly all are, and a cluster has 50,000 of them.
  if (isCanonical(text)) return text as Mac;
  if (!NOTATIONS.some((notation) => notation.test(text))) return undefined;
  const digits = text.toLowerCase().replace(/[^0-9a-f]/g, '');
  return digits.replace(/..(?=.)/g, '$&:') as Mac;
}

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LOWER_A = 0x61;
const LOWER_F = 0x66;

function isCanonical(text: string): boolean {
  if (text.length !== 17) return false;
  for (let at = 0; at < 17; at++) {
    const code = text.charCodeAt(at);
    if (at % 3 === 2) {
      if (code !== COLON) return false;
    } else if ((code < ZERO || code > NINE) && (code < LOWER_A || code > LOWER_F)) {
      return false;
    }
  }
  return true;
}

/**
 * The canonical address that `text` stands for; see {@link tryParseMac}.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID`.
 */
export function parseMac(text: string): Mac {
  const mac = tryParseMac(text);
  if (mac !== undefined) return mac;
  throw new OverlayError(
    'OVERLAY_ADDRESS_INVALID',
    `reading a MAC address: expected six octets such as c6:d2:32:6f:8f:44, got ${quoted(text)}`,
  );
}

/**
 * The address in the six bytes from `offset`.
 *
 * @throws OverlayError `OVERLAY_ADDRESS_INVALID` when there are fewer.
 */
export function formatMac(bytes: Uint8Array, offset = 0): Mac {
  if (offset + 6 > bytes.length) {
    throw new OverlayError(
      'OVERLAY_ADDRESS_INVALID',
      `reading a MAC address: expected 6 bytes, got ${bytes.length - offset}`,
    );
  }
  let text = OCTETS[bytes[offset]];
  for (let at = offset + 1; at < offset + 6; at++) text += `:${OCTETS[bytes[at]]}`;
  return text as Mac;
}

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** The six bytes of the address, in an array of their own. */
export function macBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let at = 0; at < 6; at++) bytes[at] = Number.parseInt(mac.slice(3 * at, 3 * at + 2), 16);
  return bytes;
}

/** Whether one station can have it: not a group address (lowest bit of the first octet), not all zero. */
export function isUnicastMac(mac: Mac): boolean {
  // The digits of even value have even codes, and the letters of even value odd ones.
  const code = mac.charCodeAt(1);
  return (code & 1) === (code <= NINE ? 0 : 1) && mac !== '00:00:00:00:00:00';
}

/** Whether it was given by an administrator or a program, not by the maker of the card (IEEE 802, the U/L bit). */
export function isLocalMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0;
}

/**
 * A MAC address that is always the same for an identity, unicast and locally administered.
 *
 * It is 46 bits of a hash without I/O (FNV-1a, 64 bits, over the UTF-8 bytes, and MurmurHash3's finalizer): among 50,000
 * identities, two get the same address with a probability of 2 in 100,000. It must never change: hosts would move.
 */
export function deriveMac(identity: string): Mac {
  const hash = identityHash(identity);
  const bytes = Uint8Array.from({ length: 6 }, (_, at) => Number((hash >> BigInt(40 - 8 * at)) & 0xffn));
  bytes[0] = (bytes[0] & 0xfc) | 0x02;
  return formatMac(bytes);
}
