#include "offload.h"

#include "bpf_call.h"
#include "netns.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What `ethtool -K` calls them, and the commands for them. */
static const struct {
  const char *name;
  uint32_t get, set;
} OFFLOADS[] = {
    {"gro", ETHTOOL_GGRO, ETHTOOL_SGRO},
    {"tso", ETHTOOL_GTSO, ETHTOOL_STSO},
    {"tx", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
};

struct request {
  char *netns;
  char *device;
  struct ethtool_value value;
};

static struct outcome ask(void *argument) {
  struct request *request = argument;
  struct ifreq interface = {0};
  strncpy(interface.ifr_name, request->device, sizeof interface.ifr_name - 1);
  interface.ifr_data = (void *)&request->value;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return (struct outcome){errno, "socket"};
  int error = ioctl(fd, SIOCETHTOOL, &interface) == 0 ? 0 : errno;
  close(fd);
  return (struct outcome){error, "SIOCETHTOOL"};
}

static napi_value run(napi_env env, napi_callback_info info, bool set) {
  napi_value arguments[4], result = NULL;
  struct request request = {0};
  char *name = NULL;
  bool on = false;
  if (!take_arguments(env, info, set ? 4 : 3, arguments)) return NULL;
  if (take_string(env, arguments[0], &request.netns) && take_string(env, arguments[1], &request.device) &&
      take_string(env, arguments[2], &name) && (!set || napi_get_value_bool(env, arguments[3], &on) == napi_ok)) {
    size_t known = sizeof OFFLOADS / sizeof *OFFLOADS, at = 0;
    while (name != NULL && at < known && strcmp(name, OFFLOADS[at].name) != 0) at++;
    if (request.device == NULL || name == NULL || at == known) {
      napi_throw_type_error(env, NULL, "expected a device and gro, tso or tx");
    } else {
      request.value.cmd = set ? OFFLOADS[at].set : OFFLOADS[at].get;
      request.value.data = on;
      struct outcome outcome = in_netns(request.netns, ask, &request);
      if (outcome.error != 0)
        throw_errno(env, outcome.syscall, outcome.error);
      else if (napi_get_boolean(env, request.value.data != 0, &result) != napi_ok)
        throw_last(env);
    }
  }
  free(request.netns);
  free(request.device);
  free(name);
  return result;
}

napi_value get_offload(napi_env env, napi_callback_info info) { return run(env, info, false); }

napi_value set_offload(napi_env env, napi_callback_info info) { return run(env, info, true); }
