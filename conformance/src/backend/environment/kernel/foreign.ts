/** Objects of others, beside ours and inside our networks, as arguments of `ip`. */
export const FOREIGN = {
  both: [
    'link add foreign0 type bridge',
    'link set foreign0 up alias somebody-elses',
    'link add foreign1 type bridge',
    'link set foreign1 up alias overlay:conformance-other',
  ],
  ipv4: [
    'addr add 203.0.113.1/32 dev foreign0',
    'route add 198.51.100.0/24 dev foreign0 proto static',
    'route add 198.51.101.0/24 dev foreign0 proto 111',
    'route add 10.244.240.0/24 dev foreign0 proto static metric 7',
    'neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev foreign0 nud permanent',
  ],
  ipv6: [
    'addr add 2001:db8:1::1/128 dev foreign0 nodad',
    'route add 2001:db8:2::/64 dev foreign0 proto static',
    'route add 2001:db8:3::/64 dev foreign0 proto 111',
    'route add fd44:0:0:f0::/64 dev foreign0 proto static metric 7',
    'neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:09 dev foreign0 nud permanent',
  ],
} as const;
