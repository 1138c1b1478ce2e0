#include "socket.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

/* From linux/in.h and linux/in6.h, which cannot be included beside the C library's. */
#ifndef IP_PMTUDISC_OMIT
#define IP_PMTUDISC_OMIT 5
#endif
#ifndef IPV6_PMTUDISC_OMIT
#define IPV6_PMTUDISC_OMIT 5
#endif

/* What a link of 10 Gb/s brings in 6 ms, the time for which a thread may have to wait for a processor. */
#define BUFFER_BYTES (8 << 20)

static bool set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static void enlarge(int fd, int forced, int plain) {
  /* Without CAP_NET_ADMIN the system's limit holds (net.core.rmem_max). */
  if (!set(fd, SOL_SOCKET, forced, BUFFER_BYTES)) (void)set(fd, SOL_SOCKET, plain, BUFFER_BYTES);
}

/* Older kernels hand over grouped datagrams with wrong lengths or checksums in some cases. */
static bool grouping_is_sound(void) {
  struct utsname name;
  int major = 0, minor = 0;
  if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 12);
}

static struct outcome configure(int fd, const struct endpoint *local, struct udp_socket *opened) {
  if (!set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return (struct outcome){errno, "setsockopt(SO_REUSEPORT)"};
  if (local->address.any.sa_family == AF_INET6) {
    if (!set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return (struct outcome){errno, "setsockopt(IPV6_V6ONLY)"};
    /* Tunnels may do without the outer checksum (RFC 6935), and the inner packet has its own. */
    if (!set(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)) return (struct outcome){errno, "setsockopt(UDP_NO_CHECK6_RX)"};
    (void)set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  } else {
    /* As a VXLAN device: routers may fragment what is too large for them, and nobody can talk us into small packets. */
    (void)set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  }
  enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  if (bind(fd, &local->address.any, local->length) != 0) return (struct outcome){errno, "bind"};
  opened->segments = set(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
  opened->groups = grouping_is_sound() && set(fd, IPPROTO_UDP, UDP_GRO, 1);
  return SUCCESS;
}

struct outcome udp_open(const struct endpoint *local, struct udp_socket *opened) {
  *opened = (struct udp_socket){.descriptor = -1};
  int fd = socket(local->address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
  if (fd < 0) return (struct outcome){errno, "socket"};
  struct outcome outcome = configure(fd, local, opened);
  if (outcome.error != 0)
    close(fd);
  else
    opened->descriptor = fd;
  return outcome;
}
