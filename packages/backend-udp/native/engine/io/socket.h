/* The UDP sockets that carry the tunnel: udp(7), linux/udp.h. */
#ifndef OVERLAY_UDP_SOCKET_H
#define OVERLAY_UDP_SOCKET_H

#include <stdbool.h>

#include "outcome.h"
#include "../table/peers.h"

struct udp_socket {
  int descriptor; /* non-blocking */
  bool segments;  /* one send may carry many datagrams (UDP_SEGMENT, Linux 4.18) */
  bool groups;    /* one receive may (UDP_GRO, trusted from Linux 5.12 on) */
};

/* Opens a socket that shares its address and port with those of other threads. */
struct outcome udp_open(const struct endpoint *local, struct udp_socket *opened);

#endif
