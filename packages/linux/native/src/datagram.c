#include "datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct datagram {
  const struct sockaddr *to;
  socklen_t to_bytes;
  const void *payload;
  size_t length;
};

static struct outcome send_datagram(void *argument) {
  const struct datagram *datagram = argument;
  /* Protocol 0: a packet socket that receives nothing. */
  int fd = socket(datagram->to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return (struct outcome){errno, "socket"};
  ssize_t count;
  do count = sendto(fd, datagram->payload, datagram->length, MSG_NOSIGNAL, datagram->to, datagram->to_bytes);
  while (count < 0 && errno == EINTR);
  struct outcome outcome = count < 0 ? (struct outcome){errno, "sendto"} : (struct outcome){0, NULL};
  close(fd);
  return outcome;
}

static bool take_bytes(napi_env env, napi_value value, const uint8_t **bytes, size_t *length) {
  napi_typedarray_type type;
  void *data = NULL;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "expected a Uint8Array");
    return false;
  }
  *bytes = data;
  return true;
}

static napi_value finish(napi_env env, struct outcome outcome) {
  if (outcome.error != 0) throw_errno(env, outcome.syscall, outcome.error);
  return NULL;
}

napi_value send_frame(napi_env env, napi_callback_info info) {
  size_t count = 5, destination_bytes;
  napi_value arguments[5];
  uint32_t index, ether_type;
  const uint8_t *destination, *payload;
  struct datagram datagram = {0};
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[1], &index));
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[2], &ether_type));
  if (!take_bytes(env, arguments[3], &destination, &destination_bytes) ||
      !take_bytes(env, arguments[4], &payload, &datagram.length))
    return NULL;
  struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)ether_type), .sll_ifindex = (int)index};
  if (destination_bytes > sizeof to.sll_addr) return finish(env, (struct outcome){EINVAL, "destination"});
  memcpy(to.sll_addr, destination, destination_bytes);
  to.sll_halen = (unsigned char)destination_bytes;
  datagram.to = (const struct sockaddr *)&to;
  datagram.to_bytes = sizeof to;
  datagram.payload = payload;
  char *netns;
  if (!take_string(env, arguments[0], &netns)) return NULL;
  struct outcome outcome = in_netns(netns, send_datagram, &datagram);
  free(netns);
  return finish(env, outcome);
}

napi_value send_unix_datagram(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  const uint8_t *payload;
  struct datagram datagram = {0};
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  if (!take_bytes(env, arguments[1], &payload, &datagram.length)) return NULL;
  char *path;
  if (!take_string(env, arguments[0], &path)) return NULL;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t length = path == NULL ? 0 : strlen(path);
  if (length < 2 || length >= sizeof to.sun_path) {
    free(path);
    return finish(env, (struct outcome){length < 2 ? EINVAL : ENAMETOOLONG, "path"});
  }
  memcpy(to.sun_path, path, length);
  if (path[0] == '@') to.sun_path[0] = '\0';
  free(path);
  datagram.to = (const struct sockaddr *)&to;
  datagram.to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  datagram.payload = payload;
  return finish(env, send_datagram(&datagram));
}
