// From the wire to the tunnel device.
#pragma once
#include "egress.h"

#define IP_OFFSET 0x1fff
#define IP_MORE 0x2000

// The fragment header of IPv6 (RFC 8200, 4.5).
struct fragment6 {
	__u8 next;
	__u8 reserved;
	__be16 offset; // in the upper 13 bits
	__be32 id;
};
#define IP6_OFFSET 0xfff8

// What the outer headers of a datagram for us say.
struct outer {
	__u32 from[4]; // IPv4 in the first word
	__u32 from_ipv6;
	__u32 length; // of the outer headers, without Ethernet's
	__u32 payload; // bytes, by the UDP header
	bool checked; // it has a checksum
};

// What the inner headers say.
struct inner {
	__u32 source[4]; // IPv4 in the first word
	__u32 headers; // bytes, with those of TCP or UDP
	bool is_ipv6;
	bool tcp_data; // a TCP segment with payload
	bool for_us; // the destination is in a subnet of this host
	bool several; // the first one of those in a super-datagram
	bool super; // a super-packet, of anything but TCP
};

// A packet that is not what it says: 0 lets it pass.
INLINE int judge(__u32 reason, __u32 passed)
{
	if (config.filter == FILTER_ENFORCE) return drop(reason);
	count(passed, 1, 0);
	return 0;
}

INLINE bool is_peer(struct outer *outer)
{
	if (outer->from_ipv6) {
		// Not initialised as a whole: that would be a constant beside the configuration.
		struct route6_key key;
		copy6(key.network, outer->from);
		key.length = 128;
		return map_lookup(&routes6, &key) != 0;
	}
	struct route4_key key = { .network = outer->from[0], .length = 32 };
	return map_lookup(&routes4, &key) != 0;
}

INLINE void remember_stray(struct outer *outer, struct inner *inner, struct route *route)
{
	struct stray_key key = { .outer_is_ipv6 = outer->from_ipv6, .endpoint_is_ipv6 = route->is_ipv6 };
	copy6(key.outer, outer->from);
	copy6(key.endpoint, route->endpoint);
	struct stray stray = { .packets = 1, .last = now(), .inner_is_ipv6 = inner->is_ipv6 };
	copy6(stray.inner, inner->source);
	struct stray *known = map_lookup(&strays, &key);
	if (known) stray.packets += known->packets;
	map_update(&strays, &key, &stray, BPF_ANY);
}

// The source is not the sender's. Whether that is a stranger, a peer that lies, or one that is behind NAT.
INLINE int judge_source(struct outer *outer, struct inner *inner, struct route *route)
{
	if (is_peer(outer)) {
		// A host that answers a pod which has asked for it by its address on the underlay.
		if (inner->is_ipv6 == (outer->from_ipv6 != 0) && same6(inner->source, outer->from)) return 0;
		return judge(WRONG_SOURCE, PASSED_WRONG_SOURCE);
	}
	if (route) remember_stray(outer, inner, route);
	return judge(UNKNOWN_SENDER, PASSED_UNKNOWN_SENDER);
}

INLINE int judge_packet(struct outer *outer, struct inner *inner, struct route *route)
{
	if (!route || route->is_ipv6 != outer->from_ipv6 || !same6(route->endpoint, outer->from)) {
		int verdict = judge_source(outer, inner, route);
		if (verdict) return verdict;
	}
	return inner->for_us ? 0 : judge(WRONG_DESTINATION, PASSED_WRONG_DESTINATION);
}

// A super-packet of which 16 bits cannot tell the length.
INLINE bool is_beyond16(struct __sk_buff *skb)
{
	return skb->gso_size && skb->len > 0xffff;
}

// Reads the inner headers; false for what is no IP packet of just the datagram's size.
INLINE bool read_inner(struct __sk_buff *skb, struct outer *outer, struct inner *inner)
{
	__u32 at = ETH_HLEN + outer->length;
	__u8 version;
	if (LOAD(skb, at, &version)) return false;
	__u32 protocol, header, length;
	if (version >> 4 == 4) {
		struct iphdr ip;
		if (LOAD(skb, at, &ip)) return false;
		header = ip.ihl * 4;
		// A super-packet beyond 64 kB has no length (BIG TCP).
		length = ip.tot_len || !is_beyond16(skb) ? swap16(ip.tot_len) : outer->payload;
		if (header < sizeof(ip) || length < header) return false;
		// A fragment's beginning is not that of a TCP segment to be joined with others.
		protocol = ip.frag_off & swap16(IP_OFFSET | IP_MORE) ? 0 : ip.protocol;
		inner->is_ipv6 = false;
		inner->source[0] = ip.saddr;
		inner->source[1] = inner->source[2] = inner->source[3] = 0;
		inner->for_us = (ip.daddr & config.mask4) == config.subnet4;
	} else if (version >> 4 == 6) {
		struct ipv6hdr ip;
		if (LOAD(skb, at, &ip)) return false;
		header = sizeof(ip);
		length = swap16(ip.payload_len) + header;
		protocol = ip.nexthdr;
		inner->is_ipv6 = true;
		inner->for_us = true;
#pragma unroll
		for (int i = 0; i < 4; i++) {
			inner->source[i] = ip.saddr.in6_u.u6_addr32[i];
			if ((ip.daddr.in6_u.u6_addr32[i] & config.mask6[i]) != config.subnet6[i]) inner->for_us = false;
		}
	} else {
		return false;
	}
	inner->several = length == skb->gso_size && length < outer->payload;
	if (length != outer->payload && !inner->several && !is_beyond16(skb)) return false;
	inner->super = skb->gso_size && protocol != IPPROTO_TCP;
	inner->headers = headers_of(skb, at, header, protocol);
	inner->tcp_data = protocol == IPPROTO_TCP && length > inner->headers;
	return true;
}

// Takes the outer headers off.
INLINE long strip(struct __sk_buff *skb, struct outer *outer, struct inner *inner)
{
	__s32 room = -(__s32)outer->length;
	if (inner->is_ipv6 == (outer->from_ipv6 != 0)) return adjust(skb, room, 0);
	// Unless the kernel is told what comes to light it refuses to leave less than a header of what was there before: of
	// IPv4 under IPv6, what has less than 40 bytes. Before Linux 6.3 it cannot be told.
	long refused = adjust(skb, room, inner->is_ipv6 ? DECAP_L3_IPV6 : DECAP_L3_IPV4);
	if (refused != EINVAL) return refused;
	if (inner->is_ipv6 || outer->payload >= sizeof(struct ipv6hdr)) return adjust(skb, room, 0);
	refused = skb_change_proto(skb, swap16(ETH_P_IP), 0);
	return refused ? refused : adjust(skb, room + LONGER, 0);
}

INLINE int deliver(struct __sk_buff *skb, struct outer *outer, struct inner *inner)
{
	struct traffic traffic = traffic_of(skb, outer->payload, inner->headers);
	struct ethhdr frame = { .h_proto = inner->is_ipv6 ? swap16(ETH_P_IPV6) : swap16(ETH_P_IP) };
#pragma unroll
	for (int i = 0; i < ETH_ALEN; i++) {
		frame.h_dest[i] = config.tunnel_mac[i];
		frame.h_source[i] = config.entry_mac[i];
	}
	// Moved on with the room.
	struct ethhdr *place = (void *)(long)skb->data;
	if ((void *)(place + 1) > (void *)(long)skb->data_end) return drop(OVERLOAD);
	*place = frame;
	// The lengths are right by now: what remains is that there is no memory.
	if (strip(skb, outer, inner)) return drop(OVERLOAD);
	count(RECEIVED, traffic.packets, traffic.bytes);
	// The mark of the datagram says nothing of what is in it.
	skb->mark = 0;
	// Sent out of the other end, single TCP segments come to the tunnel device through its GRO, which makes few packets
	// of many. Whatever needs no such joining, or is joined already, goes there straight.
	if (inner->tcp_data && !skb->gso_size) return redirect(config.entry, 0);
	return redirect(config.tunnel, BPF_F_INGRESS);
}

// What is to be done with a packet whose outer headers have been read.
enum reading { OURS, NOT_OURS, FRAGMENT, BROKEN };

INLINE enum reading read_outer(struct __sk_buff *skb, struct outer *outer)
{
	struct udphdr udp;
	enum reading reading = OURS;
	if (config.address4 && skb->protocol == swap16(ETH_P_IP)) {
		struct iphdr ip;
		if (LOAD(skb, ETH_HLEN, &ip)) return NOT_OURS;
		if (ip.daddr != config.address4 || ip.protocol != IPPROTO_UDP || ip.version != 4 || ip.ihl < 5) return NOT_OURS;
		// Only the first fragment tells the port. The others wait for it in vain until the kernel forgets them.
		if (ip.frag_off & swap16(IP_OFFSET)) return NOT_OURS;
		if (LOAD(skb, ETH_HLEN + ip.ihl * 4, &udp)) return NOT_OURS;
		if (ip.frag_off & swap16(IP_MORE)) reading = FRAGMENT;
		else if (ip.ihl != 5) reading = BROKEN;
		outer->from[0] = ip.saddr;
		outer->length = sizeof(ip) + sizeof(udp);
	} else if (is_set6(config.address6) && skb->protocol == swap16(ETH_P_IPV6)) {
		struct ipv6hdr ip;
		if (LOAD(skb, ETH_HLEN, &ip) || !is_own6(ip.daddr.in6_u.u6_addr32)) return NOT_OURS;
		if (ip.nexthdr == IPPROTO_FRAGMENT) {
			struct fragment6 fragment;
			if (LOAD(skb, ETH_HLEN + sizeof(ip), &fragment)) return NOT_OURS;
			if (fragment.next != IPPROTO_UDP || fragment.offset & swap16(IP6_OFFSET)) return NOT_OURS;
			if (LOAD(skb, ETH_HLEN + sizeof(ip) + sizeof(fragment), &udp)) return NOT_OURS;
			reading = FRAGMENT;
		} else {
			if (ip.nexthdr != IPPROTO_UDP || LOAD(skb, ETH_HLEN + sizeof(ip), &udp)) return NOT_OURS;
		}
		copy6(outer->from, ip.saddr.in6_u.u6_addr32);
		outer->from_ipv6 = 1;
		outer->length = sizeof(ip) + sizeof(udp);
	} else {
		return NOT_OURS;
	}
	if (udp.dest != config.port) return NOT_OURS;
	// Of a fragment the UDP header tells the length of the whole.
	if (reading != OURS) return reading;
	__u32 length = swap16(udp.len), room = skb->len - ETH_HLEN - outer->length + sizeof(udp);
	// Of a super-packet beyond 64 kB the headers cannot tell the length.
	if (is_beyond16(skb)) length = room;
	if (length < sizeof(udp) || length > room) return BROKEN;
	outer->payload = length - sizeof(udp);
	outer->checked = udp.check != 0;
	return OURS;
}

// What is not a datagram for our address and port is left to whoever comes next, or sent if it came through the tunnel
// device.
INLINE int arrive(struct __sk_buff *skb)
{
	struct outer outer = {};
	struct inner inner = {};
	bool finished = skb->ifindex == config.entry;
	if (skb->vlan_present) return TC_ACT_UNSPEC;
	enum reading reading = read_outer(skb, &outer);
	if (reading == NOT_OURS) return finished ? leave_finished(skb) : TC_ACT_UNSPEC;
	if (reading == FRAGMENT) return drop(TOO_LARGE);
	if (reading == BROKEN || !read_inner(skb, &outer, &inner)) return drop(MALFORMED);
	// From a socket on this very machine, or on one with the same hypervisor, datagrams come several in one, and with
	// checksums that nobody has computed yet. Of the latter nothing can be seen, and stripped they would be of no use. And
	// a pod's super-packet of datagrams could not be cut any more: to the kernel it would be in a tunnel still, which
	// matters for UDP only.
	bool unfinished = !finished && (inner.several || inner.super || outer.checked);
	if (inner.several && finished) return drop(OVERLOAD);
	// What passes through the pair is judged again when it comes out of it, one by one, and is only counted there. But
	// strangers' datagrams are not let into it, where they would cost twice and take the place of others.
	if (config.filter == FILTER_ENFORCE || (config.filter == FILTER_COUNT && !unfinished)) {
		struct route *route = inner.is_ipv6 ? find_route6(inner.source) : find_route4(inner.source[0]);
		int verdict = judge_packet(&outer, &inner, route);
		if (verdict) return verdict;
	}
	if (unfinished) return redirect(config.tunnel, 0);
	return deliver(skb, &outer, &inner);
}
