// What programs may call of the kernel: helpers by their number in linux/bpf.h, and what a map is declared with.
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

#define swap16(x) __builtin_bswap16(x)
#define swap32(x) __builtin_bswap32(x)

static void *(*const map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const map_update)(void *map, const void *key, const void *value, __u64 flags) =
    (void *)BPF_FUNC_map_update_elem;
static long (*const skb_store)(struct __sk_buff *, __u32 offset, const void *from, __u32 length, __u64 flags) =
    (void *)BPF_FUNC_skb_store_bytes;
static long (*const skb_load)(const struct __sk_buff *, __u32 offset, void *to, __u32 length) =
    (void *)BPF_FUNC_skb_load_bytes;
static long (*const skb_pull)(struct __sk_buff *, __u32 length) = (void *)BPF_FUNC_skb_pull_data;
static long (*const skb_adjust_room)(struct __sk_buff *, __s32 difference, __u32 mode, __u64 flags) =
    (void *)BPF_FUNC_skb_adjust_room;
static long (*const skb_change_proto)(struct __sk_buff *, __be16 protocol, __u64 flags) = (void *)BPF_FUNC_skb_change_proto;
static __u32 (*const skb_hash)(struct __sk_buff *) = (void *)BPF_FUNC_get_hash_recalc;
static long (*const redirect)(__u32 ifindex, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*const redirect_neigh)(__u32 ifindex, void *params, int length, __u64 flags) =
    (void *)BPF_FUNC_redirect_neigh;
static __u32 (*const random32)(void) = (void *)BPF_FUNC_get_prandom_u32;
// Nanoseconds of CLOCK_MONOTONIC.
static __u64 (*const now)(void) = (void *)BPF_FUNC_ktime_get_ns;

// What helpers return (asm-generic/errno-base.h, errno.h), negative.
#define ENOMEM (-12)
#define EINVAL (-22)
#define EALREADY (-114)

// Of bpf_skb_adjust_room from Linux 6.3, in linux/bpf.h with "BPF_F_ADJ_ROOM_" before them: the family that is left.
#define DECAP_L3_IPV4 (1ull << 7)
#define DECAP_L3_IPV6 (1ull << 8)

// Reads a value out of the packet, 0 if it is there: without a call if it lies in the packet's first piece, as headers do
// unless a driver leaves them in a page. Calls were half of what the program cost for each packet, where returns are slow
// (mitigations of the processor). What the call fills is set to zero first: the verifier of Linux 6.18, when it looks back for
// where a value came from, passes over such calls, and refuses the program (EFAULT, "stack slot 1, total slots 0") when it
// comes to where the stack was not in use yet.
#define LOAD(skb, offset, to)                                                                  \
	({                                                                                         \
		void *data_ = (void *)(long)(skb)->data + (offset);                                    \
		bool near_ = data_ + sizeof(*(to)) <= (void *)(long)(skb)->data_end;                   \
		if (near_) *(to) = *(typeof(*(to)) *)data_;                                            \
		if (!near_) __builtin_memset(to, 0, sizeof(*(to)));                                    \
		near_ ? 0 : skb_load(skb, offset, to, sizeof(*(to)));                                  \
	})

// The loader reads these from the section "maps".
struct map_definition {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 flags;
};
