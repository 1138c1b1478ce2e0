#include "raw.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../packet/parse.h"

int raw_open(int address_family) {
  /* IPPROTO_RAW: the header is ours, in both families. */
  return socket(address_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
}

void raw_send(int descriptor, uint8_t family, const uint8_t *packet, size_t length) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
  memcpy(&ipv4.sin_addr, packet + 16, sizeof ipv4.sin_addr);
  memcpy(&ipv6.sin6_addr, packet + 24, family == INNER_IPV6 ? sizeof ipv6.sin6_addr : 0);
  const struct sockaddr *to = family == INNER_IPV6 ? (const struct sockaddr *)&ipv6 : (const struct sockaddr *)&ipv4;
  (void)!sendto(descriptor, packet, length, 0, to, family == INNER_IPV6 ? sizeof ipv6 : sizeof ipv4);
}
