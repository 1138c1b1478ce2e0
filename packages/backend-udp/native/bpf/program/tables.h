// What the programs know: a configuration that is constant for each loaded program, and maps that the agent writes while
// they run. src/kernel/layout.ts writes and reads the same bytes.
#pragma once
#include "kernel.h"

enum filter { FILTER_OFF, FILTER_COUNT, FILTER_ENFORCE };

// Patched by the loader, and frozen: the verifier drops what a configuration does not need.
struct config {
	__u64 version; // of the bytecode
	__u32 tunnel; // interface index of flannel0
	__u32 entry; // of the other end of its pair
	__u32 underlay; // of the interface that carries the datagrams
	__be16 port;
	__u8 filter;
	__u8 pad;
	__be32 address4; // of this host on the underlay; 0 for none
	__be32 subnet4, mask4; // of this host's pods; without one, 0 and all ones
	__u32 address6[4];
	__u32 subnet6[4], mask6[4];
	__u8 tunnel_mac[ETH_ALEN];
	__u8 entry_mac[ETH_ALEN];
};
volatile const struct config config SECTION(".rodata") = {};

struct route4_key {
	__be32 network;
	__u32 length;
};

struct route6_key {
	__u32 network[4];
	__u32 length;
};

// A peer's subnet: where packets for it go, and from where packets out of it may come.
struct route {
	__u32 endpoint[4]; // IPv4 in the first word, and 0 in the others
	__be16 port;
	__u8 is_ipv6;
	__u8 whole; // its kernel takes super-packets and checksums that are left to hardware
};

// By network and length of the prefix. A peer's own address is there too, with its full length; it is only looked for
// where a packet does not fit. Which other lengths there are says `lengths`, so that a lookup costs the same however
// many peers there are. A trie does not.
struct map_definition routes4 SECTION("maps") = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct route4_key),
	.value_size = sizeof(struct route),
	.max_entries = 131072,
	.flags = BPF_F_NO_PREALLOC,
};
struct map_definition routes6 SECTION("maps") = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct route6_key),
	.value_size = sizeof(struct route),
	.max_entries = 131072,
	.flags = BPF_F_NO_PREALLOC,
};
// For IPv4 (0) and IPv6 (1): up to eight lengths in descending order, a byte each, plus one; 0 ends them. One word, so
// that it changes at once.
struct map_definition lengths SECTION("maps") = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
};

// Order as in src/kernel/layout.ts.
enum counter {
	SENT,
	RECEIVED,
	UNKNOWN_DESTINATION,
	UNKNOWN_SENDER,
	WRONG_SOURCE,
	WRONG_DESTINATION,
	MALFORMED,
	TOO_LARGE,
	OVERLOAD,
	UNREACHABLE,
	PASSED_UNKNOWN_SENDER,
	PASSED_WRONG_SOURCE,
	PASSED_WRONG_DESTINATION,
	COUNTERS,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};
struct map_definition counters SECTION("maps") = {
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = 4,
	.value_size = sizeof(struct traffic),
	.max_entries = COUNTERS,
};

// Packets out of a peer's subnet that came from an address which it does not publish: one entry for each such address and
// peer, however many pods there are. Addresses have IPv4 in the first word.
struct stray_key {
	__u32 outer[4];
	__u32 endpoint[4]; // what the peer publishes
	__u8 outer_is_ipv6;
	__u8 endpoint_is_ipv6;
	__u8 pad[2];
};
struct stray {
	__u64 packets;
	__u64 last; // when, by now()
	__u32 inner[4]; // the source of the last one
	__u32 inner_is_ipv6;
	__u32 pad;
};
struct map_definition strays SECTION("maps") = {
	.type = BPF_MAP_TYPE_LRU_HASH,
	.key_size = sizeof(struct stray_key),
	.value_size = sizeof(struct stray),
	.max_entries = 64,
};

INLINE void count(__u32 which, __u64 packets, __u64 bytes)
{
	struct traffic *traffic = map_lookup(&counters, &which);
	if (!traffic) return;
	traffic->packets += packets;
	traffic->bytes += bytes;
}

INLINE int drop(__u32 reason)
{
	count(reason, 1, 0);
	return TC_ACT_SHOT;
}

// Bytes of the headers of an IP packet at a place, with those of TCP or UDP: what each segment of a super-packet repeats.
INLINE __u32 headers_of(struct __sk_buff *skb, __u32 at, __u32 network, __u32 protocol)
{
	__u8 offset;
	if (protocol == IPPROTO_UDP) return network + sizeof(struct udphdr);
	if (protocol == IPPROTO_TCP && !LOAD(skb, at + network + 12, &offset)) return network + (__u32)(offset >> 4) * 4;
	return network;
}

// A super-packet of so many bytes as the packets that it is on the wire. Not by gso_segs: that is 0 as soon as somebody has
// put headers before it or taken them off.
INLINE struct traffic traffic_of(struct __sk_buff *skb, __u32 length, __u32 headers)
{
	struct traffic traffic = { .packets = 1, .bytes = length };
	__u32 size = skb->gso_size;
	if (size && length > headers) {
		traffic.packets = (length - headers + size - 1) / size;
		traffic.bytes += (traffic.packets - 1) * headers;
	}
	return traffic;
}

INLINE struct route *find_route4(__be32 address)
{
	__u32 which = 0;
	__u64 *known = map_lookup(&lengths, &which);
	if (!known) return 0;
	__u64 list = *(volatile __u64 *)known;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++, list >>= 8) {
		__u32 length = list & 0xff;
		if (!length) return 0;
		length = (length - 1) & 63;
		__u32 mask = (__u32)(0xffffffff00000000ull >> length);
		struct route4_key key = { .network = address & swap32(mask), .length = length };
		struct route *found = map_lookup(&routes4, &key);
		if (found) return found;
	}
	return 0;
}

// The first bits of a word, 0 for none or less, all for 32 or more. Without a branch: each one doubles what the verifier
// has to go through.
INLINE __u32 mask_of(__s32 bits)
{
	bits &= ~(bits >> 31);
	__s32 rest = 32 - bits;
	__asm__ volatile("" : "+r"(rest));
	rest &= ~(rest >> 31);
	return swap32((__u32)(0xffffffffull << rest));
}

INLINE struct route *find_route6(const __u32 address[4])
{
	__u32 which = 1;
	__u64 *known = map_lookup(&lengths, &which);
	if (!known) return 0;
	__u64 list = *(volatile __u64 *)known;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++, list >>= 8) {
		__u32 length = list & 0xff;
		if (!length) return 0;
		length -= 1;
		struct route6_key key = { .length = length };
#pragma unroll
		for (int word = 0; word < 4; word++) key.network[word] = address[word] & mask_of((__s32)length - word * 32);
		struct route *found = map_lookup(&routes6, &key);
		if (found) return found;
	}
	return 0;
}

INLINE void copy6(__u32 to[4], const __u32 from[4])
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

INLINE bool is_set6(const volatile __u32 address[4])
{
	return (address[0] | address[1] | address[2] | address[3]) != 0;
}

// Not by same6: without the `volatile` the compiler would take the configuration for what it is initialised with.
INLINE bool is_own6(const __u32 address[4])
{
	return is_set6(config.address6) && address[0] == config.address6[0] && address[1] == config.address6[1] &&
	       address[2] == config.address6[2] && address[3] == config.address6[3];
}

INLINE bool same6(const __u32 a[4], const __u32 b[4])
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}
