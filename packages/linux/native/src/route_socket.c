#include "route_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Both arrived after the oldest kernel headers people build with; values from linux/netlink.h. */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

static void set_flag(int fd, int option) {
  int one = 1;
  /* A kernel without the option still works, with less detail. */
  (void)setsockopt(fd, SOL_NETLINK, option, &one, sizeof one);
}

/* A classic BPF program that drops every message whose nlmsg_pid (offset 12, host order) is in the list. */
static int drop_ports(int fd, const uint32_t *ports, uint32_t count) {
  struct sock_filter code[MAX_IGNORED_PORTS + 3];
  unsigned short length = 0;
  if (count == 0) return 0;
  code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid));
  for (uint32_t i = 0; i < count; i++) /* BPF loads big-endian words */
    code[length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(ports[i]), (unsigned char)(count - i), 0);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffffffffu);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = length, .filter = code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static struct outcome configure(struct route_socket *socket) {
  int fd = socket->fd;
  int size = (int)socket->receive_buffer;
  if (size > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* capped by net.core.rmem_max */
  set_flag(fd, NETLINK_EXT_ACK);
  set_flag(fd, NETLINK_CAP_ACK);
  set_flag(fd, NETLINK_GET_STRICT_CHK);
  if (drop_ports(fd, socket->ignored_ports, socket->ignored_count) != 0)
    return (struct outcome){errno, "setsockopt(SO_ATTACH_FILTER)"};
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return (struct outcome){errno, "bind"};
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return (struct outcome){errno, "getsockname"};
  socket->port = address.nl_pid;
  for (uint32_t i = 0; i < socket->group_count; i++) {
    int group = (int)socket->groups[i];
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return (struct outcome){errno, "setsockopt(NETLINK_ADD_MEMBERSHIP)"};
  }
  int actual = 0;
  length = sizeof actual;
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &actual, &length) != 0)
    return (struct outcome){errno, "getsockopt(SO_RCVBUF)"};
  socket->buffer_bytes = (uint32_t)actual;
  return (struct outcome){0, NULL};
}

static struct outcome open_here(void *argument) {
  struct route_socket *wanted = argument;
  wanted->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (wanted->fd < 0) return (struct outcome){errno, "socket"};
  struct outcome outcome = configure(wanted);
  if (outcome.error != 0) {
    close(wanted->fd);
    wanted->fd = -1;
  }
  return outcome;
}

struct outcome open_route_socket(const char *netns, struct route_socket *socket) {
  socket->fd = -1;
  return in_netns(netns, open_here, socket);
}
