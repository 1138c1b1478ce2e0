const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/**
 * A number from 0 to 2^64 - 1 that is always the same for a text and spread evenly over texts that are alike.
 *
 * FNV-1a over the UTF-8 bytes, then the 64-bit finalizer of MurmurHash3, since FNV alone hardly mixes the last bytes
 * into the high bits. No secret and no proof of anything. It must never change: hosts choose by it what they hold.
 */
export function identityHash(text: string): bigint {
  let hash = OFFSET_BASIS;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  hash ^= hash >> 33n;
  hash = BigInt.asUintN(64, hash * 0xff51afd7ed558ccdn);
  hash ^= hash >> 33n;
  hash = BigInt.asUintN(64, hash * 0xc4ceb9fe1a85ec53n);
  return hash ^ (hash >> 33n);
}
