// From the tunnel device to the wire.
#pragma once
#include "tables.h"

struct outer4 {
	struct iphdr ip;
	struct udphdr udp;
};

struct outer6 {
	struct ipv6hdr ip;
	struct udphdr udp;
};

#define OUTER_TTL 64
#define IP_DF 0x4000

// One source port for each flow, out of the dynamic ones (RFC 6335), so that NICs and links spread the flows of a host.
INLINE __be16 source_port(struct __sk_buff *skb)
{
	__u32 hash = skb_hash(skb);
	return swap16((__u16)(0xc000 | ((hash ^ (hash >> 16)) & 0x3fff)));
}

// The length of a super-packet may not fit; it is written again for each of its segments.
INLINE __be16 length16(__u32 length)
{
	return length > 0xffff ? 0 : swap16((__u16)length);
}

INLINE void write_ip4_checksum(struct iphdr *ip)
{
	__u16 *words = (__u16 *)ip;
	__u32 sum = 0;
	ip->check = 0;
#pragma unroll
	for (int i = 0; i < 10; i++) sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16)~sum;
}

INLINE long adjust(struct __sk_buff *skb, __s32 room, __u64 flags)
{
	return skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, flags | BPF_F_ADJ_ROOM_FIXED_GSO);
}

// By how much the headers of IPv6 are longer: what a change of the protocol puts before a packet, or takes off it.
#define LONGER ((__s32)(sizeof(struct ipv6hdr) - sizeof(struct iphdr)))

// Room for the outer headers, without a word of a tunnel; afterwards the packet is of the outer family for the kernel, which
// is what it is sent by.
INLINE long grow_plain(struct __sk_buff *skb, __s32 room, bool to_ipv6)
{
	if (to_ipv6 && skb->protocol == swap16(ETH_P_IP)) {
		long refused = skb_change_proto(skb, swap16(ETH_P_IPV6), 0);
		return refused ? refused : adjust(skb, room - LONGER, 0);
	}
	if (!to_ipv6 && skb->protocol == swap16(ETH_P_IPV6)) {
		long refused = adjust(skb, room + LONGER, 0);
		return refused ? refused : skb_change_proto(skb, swap16(ETH_P_IP), 0);
	}
	return adjust(skb, room, 0);
}

INLINE long grow(struct __sk_buff *skb, __s32 room, bool to_ipv6)
{
	__u64 l3 = to_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	long refused = adjust(skb, room, l3 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
	// A packet that the kernel holds to be in a tunnel already: one out of a tunnel of a pod, or one that came here
	// through ours and goes on to another host. Its inner headers are known already, so that room is all it needs; a
	// super-packet can be cut by one tunnel's headers only, and is finished before.
	return refused == EALREADY && !skb->gso_size ? grow_plain(skb, room, to_ipv6) : refused;
}

INLINE int not_grown(struct __sk_buff *skb, long refused)
{
	if (refused == EALREADY && skb->ifindex == config.tunnel) return TC_ACT_UNSPEC;
	return drop(refused == ENOMEM ? OVERLOAD : TOO_LARGE);
}

// A packet with its Ethernet header.
INLINE int send(struct __sk_buff *skb, struct route *route, __u32 headers)
{
	__u32 inner = skb->len - ETH_HLEN;
	struct traffic traffic = traffic_of(skb, inner, headers);
	__be16 from = source_port(skb), to = route->port;
	if (!route->is_ipv6) {
		if (!config.address4) return drop(UNREACHABLE);
		// Sockets take a datagram that a router on the way has cut. The kernel path does not: it is better cut by nobody,
		// so that the router tells.
		bool whole = route->whole;
		struct outer4 outer = {
			.ip = {
				.version = 4,
				.ihl = 5,
				.tot_len = length16(inner + sizeof(struct outer4)),
				.id = whole ? 0 : (__be16)random32(),
				.frag_off = whole ? swap16(IP_DF) : 0,
				.ttl = OUTER_TTL,
				.protocol = IPPROTO_UDP,
				.saddr = config.address4,
				.daddr = route->endpoint[0],
			},
			.udp = { .source = from, .dest = to, .len = length16(inner + sizeof(struct udphdr)) },
		};
		write_ip4_checksum(&outer.ip);
		long refused = grow(skb, sizeof(outer), false);
		if (refused) return not_grown(skb, refused);
		if (skb_store(skb, ETH_HLEN, &outer, sizeof(outer), 0)) return drop(OVERLOAD);
	} else {
		if (!is_set6(config.address6)) return drop(UNREACHABLE);
		struct outer6 outer = {
			.ip = {
				.version = 6,
				.payload_len = length16(inner + sizeof(struct udphdr)),
				.nexthdr = IPPROTO_UDP,
				.hop_limit = OUTER_TTL,
			},
			.udp = { .source = from, .dest = to, .len = length16(inner + sizeof(struct udphdr)) },
		};
#pragma unroll
		for (int i = 0; i < 4; i++) {
			outer.ip.saddr.in6_u.u6_addr32[i] = config.address6[i];
			outer.ip.daddr.in6_u.u6_addr32[i] = route->endpoint[i];
		}
		long refused = grow(skb, sizeof(outer), true);
		if (refused) return not_grown(skb, refused);
		if (skb_store(skb, ETH_HLEN, &outer, sizeof(outer), 0)) return drop(OVERLOAD);
	}
	count(SENT, traffic.packets, traffic.bytes);
	// The mark was for the inner packet: a rule for it must not move the datagram.
	skb->mark = 0;
	return redirect_neigh(config.underlay, 0, 0, 0);
}

// To whom a packet goes; 0 for nobody that is known, with what becomes of it in *verdict. *headers are those of a
// super-packet.
INLINE struct route *find_route(struct __sk_buff *skb, int *verdict, __u32 *headers)
{
	*verdict = TC_ACT_SHOT;
	*headers = 0;
	if (skb->len < ETH_HLEN) goto malformed;
	struct route *route = 0;
	if (skb->protocol == swap16(ETH_P_IP)) {
		struct iphdr ip;
		if (LOAD(skb, ETH_HLEN, &ip) || ip.version != 4) goto malformed;
		// Multicast and broadcast of the device itself are nothing to speak of.
		if ((swap32(ip.daddr) >> 28) >= 14) return 0;
		if (config.address4 && ip.daddr == config.address4) goto detour;
		if (skb->gso_size) *headers = headers_of(skb, ETH_HLEN, ip.ihl * 4, ip.protocol);
		route = find_route4(ip.daddr);
	} else if (skb->protocol == swap16(ETH_P_IPV6)) {
		struct ipv6hdr ip;
		if (LOAD(skb, ETH_HLEN, &ip) || ip.version != 6) goto malformed;
		if (ip.daddr.in6_u.u6_addr8[0] == 0xff) return 0;
		if (is_own6(ip.daddr.in6_u.u6_addr32)) goto detour;
		if (skb->gso_size) *headers = headers_of(skb, ETH_HLEN, sizeof(ip), ip.nexthdr);
		route = find_route6(ip.daddr.in6_u.u6_addr32);
	} else {
		return 0;
	}
	if (!route) drop(UNKNOWN_DESTINATION);
	return route;
detour:
	*verdict = TC_ACT_UNSPEC;
	return 0;
malformed:
	drop(MALFORMED);
	return 0;
}

// What the tunnel device sends. It has no offloads: what passes it, and is not taken away before, comes out at the other
// end in packets of the size that is on the wire, with complete checksums. That way go
// - packets for hosts where sockets receive them, which cannot tell what is left to be done;
// - datagrams for this host that the wire has brought as super-packets.
INLINE int leave(struct __sk_buff *skb)
{
	int verdict;
	__u32 headers;
	struct route *route = find_route(skb, &verdict, &headers);
	if (!route) return verdict;
	return route->whole ? send(skb, route, headers) : TC_ACT_UNSPEC;
}

// What comes out at the other end, and is no datagram for this host.
INLINE int leave_finished(struct __sk_buff *skb)
{
	int verdict;
	__u32 headers;
	struct route *route = find_route(skb, &verdict, &headers);
	if (!route) return TC_ACT_SHOT;
	return send(skb, route, headers);
}
