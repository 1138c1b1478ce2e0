/* Opening of NETLINK_ROUTE sockets. */
#ifndef OVERLAY_ROUTE_SOCKET_H
#define OVERLAY_ROUTE_SOCKET_H

#include "support.h"

#define MAX_GROUPS 64
#define MAX_IGNORED_PORTS 16

struct route_socket {
  /* wanted */
  uint32_t receive_buffer; /* bytes, the kernel doubles it for its own overhead */
  uint32_t groups[MAX_GROUPS];
  uint32_t group_count;
  uint32_t ignored_ports[MAX_IGNORED_PORTS]; /* messages caused by these port ids are dropped in the kernel */
  uint32_t ignored_count;
  /* found */
  int fd;
  uint32_t port;         /* the socket's own netlink port id */
  uint32_t buffer_bytes; /* what SO_RCVBUF reads back */
};

/* Opens the socket inside `netns` (NULL: the caller's own namespace). */
struct outcome open_route_socket(const char *netns, struct route_socket *socket);

#endif
