// flannel's `udp` format carried by the kernel: the IP packet is the payload of a UDP datagram.
#include "egress.h"
#include "ingress.h"

SECTION("egress") int overlay_udp_out(struct __sk_buff *skb)
{
	return leave(skb);
}

SECTION("ingress") int overlay_udp_in(struct __sk_buff *skb)
{
	return arrive(skb);
}
