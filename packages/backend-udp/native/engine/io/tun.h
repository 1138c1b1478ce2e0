/* The TUN device: linux/if_tun.h, Documentation/networking/tuntap.rst. */
#ifndef OVERLAY_UDP_TUN_H
#define OVERLAY_UDP_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include "outcome.h"

struct tun {
  /* wanted */
  const char *name;
  uint32_t queues;
  uint32_t transmit_queue; /* packets that wait for us at most, in each queue */
  /* found */
  int *descriptors; /* one a queue, non-blocking; -1 where none is open */
  bool tso, uso;    /* the kernel gives and takes super-packets */
};

/*
 * Opens the queues of the device and makes it first if it is not there. It stays when the process ends, with its
 * addresses and routes. EINVAL of TUNSETIFF: there is a device of that name which is no such TUN, as flanneld's, which
 * has one queue. Of another process with queues of the same device nobody tells: each of the two gets a part of the packets.
 */
struct outcome tun_open(struct tun *tun);
void tun_close(struct tun *tun);

#endif
