declare const brand: unique symbol;

/** An address family of the Internet Protocol. */
export type Family = 'ipv4' | 'ipv6';

/** A dotted quad without leading zeros: `10.244.3.1`. Equal addresses are equal strings. */
export type IPv4Address = string & { readonly [brand]: 'IPv4Address' };

/** IPv6 text in the canonical form of RFC 5952, without a zone: `fd00::1`. Equal addresses are equal strings. */
export type IPv6Address = string & { readonly [brand]: 'IPv6Address' };

/** An address in its canonical text, so that it is a map key, printable, and the same in JSON. */
export type Address = IPv4Address | IPv6Address;

/** An IPv4 network in CIDR notation, host bits zero: `10.244.3.0/24`. Equal prefixes are equal strings. */
export type IPv4Prefix = string & { readonly [brand]: 'IPv4Prefix' };

/** An IPv6 network in CIDR notation, host bits zero: `fd00:42::/56`. Equal prefixes are equal strings. */
export type IPv6Prefix = string & { readonly [brand]: 'IPv6Prefix' };

/** A network in its canonical CIDR text, host bits zero. */
export type Prefix = IPv4Prefix | IPv6Prefix;

/** The address type of a family. */
export type AddressOf<F extends Family> = F extends 'ipv4' ? IPv4Address : IPv6Address;

/** The prefix type of a family. */
export type PrefixOf<F extends Family> = F extends 'ipv4' ? IPv4Prefix : IPv6Prefix;

/** The family of an address or prefix. Costs a search for a colon. */
export function addressFamily(of: Address | Prefix): Family {
  return of.includes(':') ? 'ipv6' : 'ipv4';
}

/** The number of bits of an address: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}
