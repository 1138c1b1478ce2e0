/*
 * The engine for JavaScript, which only controls it: no packet and no callback passes this way. The layouts of the byte
 * arrays are those of src/user/records.ts. The addon has no state of its own, so any number of environments may load it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "seconds.h"
#include "support.h"

#define SUBNET_BYTES 18
#define ENDPOINT_BYTES 20
#define SENDERS_AT (8 + 2 * SUBNET_BYTES + 2 * ENDPOINT_BYTES)
#define RECORD_BYTES (SENDERS_AT + MOST_SENDERS * 16)

enum operation { OPERATION_SET = 1, OPERATION_DELETE = 2 };

static const napi_type_tag engine_tag = {0x6f7665726c617975ull, 0x5e1d7c40a96b3f12ull};

/* Outlives its engine, so that a handle can be asked after it was closed. */
struct holder {
  struct engine *engine;
};

static void finalize(napi_env env, void *data, void *hint) {
  struct holder *holder = data;
  (void)env;
  (void)hint;
  if (holder->engine != NULL) engine_free(holder->engine);
  free(holder);
}

/* NULL: exception pending. */
static struct holder *holder_of(napi_env env, napi_value value) {
  bool tagged = false;
  void *data = NULL;
  if (napi_check_object_type_tag(env, value, &engine_tag, &tagged) != napi_ok || !tagged ||
      napi_get_value_external(env, value, &data) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected an engine");
    return NULL;
  }
  return data;
}

static struct engine *engine_of(napi_env env, napi_value value) {
  struct holder *holder = holder_of(env, value);
  if (holder != NULL && holder->engine == NULL) throw_errno(env, "engine", EBADF);
  return holder == NULL ? NULL : holder->engine;
}

/* false: exception pending. */
static bool take_bytes(napi_env env, napi_value value, size_t multiple, bool any_number, const uint8_t **bytes,
                       size_t *length) {
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array ||
      (any_number ? *length % multiple != 0 : *length != multiple)) {
    napi_throw_type_error(env, NULL, "expected a Uint8Array of another length");
    return false;
  }
  *bytes = data;
  return true;
}

static bool arguments_of(napi_env env, napi_callback_info info, napi_value *arguments, size_t wanted) {
  size_t count = wanted;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) {
    throw_last(env);
    return false;
  }
  if (count >= wanted) return true;
  napi_throw_type_error(env, NULL, "too few arguments");
  return false;
}

static bool read_subnet(const uint8_t *at, int family, struct subnet *subnet) {
  *subnet = (struct subnet){.present = at[0] != 0, .length = at[1]};
  memcpy(subnet->address, at + 2, 16);
  return subnet->length <= (family == INNER_IPV4 ? 32 : 128);
}

static bool read_endpoint(const uint8_t *at, struct endpoint *endpoint) {
  memset(endpoint, 0, sizeof *endpoint);
  uint16_t port = htons((uint16_t)(at[2] | at[3] << 8));
  switch (at[0]) {
  case 0:
    return true;
  case 4:
    endpoint->address.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    memcpy(&endpoint->address.ipv4.sin_addr, at + 4, 4);
    endpoint->length = sizeof endpoint->address.ipv4;
    return true;
  case 6:
    endpoint->address.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    memcpy(&endpoint->address.ipv6.sin6_addr, at + 4, 16);
    endpoint->length = sizeof endpoint->address.ipv6;
    return true;
  default:
    return false;
  }
}

static int apply_record(struct engine *engine, const uint8_t *record) {
  struct peer peer = {.sender_count = record[1]};
  memcpy(&peer.number, record + 4, sizeof peer.number);
  if (record[0] == OPERATION_DELETE) {
    peers_delete(&engine->shared.peers, peer.number);
    return 0;
  }
  if (record[0] != OPERATION_SET || peer.sender_count > MOST_SENDERS) return EINVAL;
  for (int family = 0; family < 2; family++) {
    if (!read_subnet(record + 8 + family * SUBNET_BYTES, family, &peer.subnets[family]) ||
        !read_endpoint(record + 8 + 2 * SUBNET_BYTES + family * ENDPOINT_BYTES, &peer.endpoints[family]))
      return EINVAL;
  }
  for (uint8_t i = 0; i < peer.sender_count; i++) memcpy(&peer.senders[i], record + SENDERS_AT + i * 16, 16);
  return peers_set(&engine->shared.peers, &peer);
}

static napi_value create(napi_env env, napi_callback_info info) {
  napi_value value;
  (void)info;
  struct holder *holder = calloc(1, sizeof *holder);
  if (holder != NULL) holder->engine = engine_create();
  if (holder == NULL || holder->engine == NULL) {
    free(holder);
    throw_errno(env, "malloc", ENOMEM);
    return NULL;
  }
  if (napi_create_external(env, holder, finalize, NULL, &value) != napi_ok) {
    finalize(env, holder, NULL);
    throw_last(env);
    return NULL;
  }
  NAPI_OR_THROW(env, napi_type_tag_object(env, value, &engine_tag));
  return value;
}

/* configure(engine, mtu, filter, subnets, addresses) */
static napi_value configure(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  const uint8_t *subnets, *addresses;
  size_t length;
  uint32_t filter;
  struct settings settings = {0};
  if (!arguments_of(env, info, arguments, 5)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[1], &settings.mtu));
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[2], &filter));
  if (!take_bytes(env, arguments[3], 2 * SUBNET_BYTES, false, &subnets, &length)) return NULL;
  if (!take_bytes(env, arguments[4], 2 * 16, false, &addresses, &length)) return NULL;
  int error = filter > FILTER_OFF ? EINVAL : 0;
  settings.filter = (enum filter)filter;
  for (int family = 0; family < 2; family++) {
    if (!read_subnet(subnets + family * SUBNET_BYTES, family, &settings.own[family])) error = EINVAL;
    memcpy(settings.addresses[family], addresses + family * 16, 16);
  }
  if (error == 0) error = engine_configure(engine, &settings);
  if (error != 0) throw_errno(env, "configure", error);
  return NULL;
}

/* setPeers(engine, records): all of them, or up to the first that is refused. */
static napi_value set_peers(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *records;
  size_t length;
  if (!arguments_of(env, info, arguments, 2)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL || !take_bytes(env, arguments[1], RECORD_BYTES, true, &records, &length)) return NULL;
  for (size_t at = 0; at < length; at += RECORD_BYTES) {
    int error = apply_record(engine, records + at);
    if (error == 0) continue;
    throw_errno(env, "setPeers", error);
    return NULL;
  }
  return NULL;
}

/* start(engine, device, queues, transmitQueue, endpoints, netns?) */
static napi_value start(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  char *device, *netns;
  const uint8_t *endpoints;
  size_t length;
  struct start wanted = {0};
  if (!arguments_of(env, info, arguments, 6)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[2], &wanted.queues));
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[3], &wanted.transmit_queue));
  if (!take_bytes(env, arguments[4], 2 * ENDPOINT_BYTES, false, &endpoints, &length)) return NULL;
  if (!take_string(env, arguments[1], &device)) return NULL;
  if (!take_string(env, arguments[5], &netns)) {
    free(device);
    return NULL;
  }
  struct outcome outcome = {EINVAL, "start"};
  wanted.device = device;
  wanted.netns = netns;
  if (device != NULL && read_endpoint(endpoints, &wanted.local[0]) &&
      read_endpoint(endpoints + ENDPOINT_BYTES, &wanted.local[1]))
    outcome = engine_start(engine, &wanted);
  free(device);
  free(netns);
  if (outcome.error != 0) throw_errno(env, outcome.syscall, outcome.error);
  return NULL;
}

static napi_value stop(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine != NULL) engine_stop(engine);
  return NULL;
}

static napi_value close_engine(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct holder *holder = holder_of(env, arguments[0]);
  if (holder == NULL) return NULL;
  if (holder->engine != NULL) engine_free(holder->engine);
  holder->engine = NULL;
  return NULL;
}

static napi_value number_list(napi_env env, const _Atomic uint64_t *numbers, size_t many) {
  napi_value list, value;
  NAPI_OR_THROW(env, napi_create_array_with_length(env, many, &list));
  for (size_t i = 0; i < many; i++) {
    double number = (double)atomic_load_explicit(&numbers[i], memory_order_relaxed);
    NAPI_OR_THROW(env, napi_create_double(env, number, &value));
    NAPI_OR_THROW(env, napi_set_element(env, list, (uint32_t)i, value));
  }
  return list;
}

/* counters(engine) -> numbers, in the order of struct counters */
static napi_value counters(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct counters sum;
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  engine_counters(engine, &sum);
  return number_list(env, (const _Atomic uint64_t *)(const void *)&sum, sizeof sum / sizeof(_Atomic uint64_t));
}

/* peerTraffic(engine, number) -> four numbers, in the order of struct peer_traffic, or undefined */
static napi_value peer_traffic(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint32_t number;
  if (!arguments_of(env, info, arguments, 2)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[1], &number));
  const struct peer *peer = peers_get(&engine->shared.peers, number);
  if (peer == NULL) return NULL;
  return number_list(env, (const _Atomic uint64_t *)(const void *)&peer->state->traffic,
                     sizeof peer->state->traffic / sizeof(_Atomic uint64_t));
}

/*
 * traffic(engine) -> ArrayBuffer of doubles: for each peer that has sent or received something its number, then those of
 * struct peer_traffic. One piece of memory, because there may be tens of thousands.
 */
static napi_value traffic(napi_env env, napi_callback_info info) {
  enum { COLUMNS = 1 + sizeof(struct peer_traffic) / sizeof(_Atomic uint64_t) };
  napi_value arguments[1], list;
  void *memory;
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  const struct peers *peers = &engine->shared.peers;
  size_t rows = 0, room = 0;
  for (uint32_t number = 0; number < peers->capacity; number++) room += peer_is_active(peers_get(peers, number));
  NAPI_OR_THROW(env, napi_create_arraybuffer(env, room * COLUMNS * sizeof(double), &memory, &list));
  for (uint32_t number = 0; number < peers->capacity && rows < room; number++) {
    const struct peer *peer = peers_get(peers, number);
    if (!peer_is_active(peer)) continue;
    double *row = (double *)memory + rows++ * COLUMNS;
    const _Atomic uint64_t *numbers = (const _Atomic uint64_t *)(const void *)&peer->state->traffic;
    row[0] = number;
    for (size_t i = 1; i < COLUMNS; i++) row[i] = (double)atomic_load_explicit(&numbers[i - 1], memory_order_relaxed);
  }
  return list;
}

static bool set_boolean(napi_env env, napi_value object, const char *name, bool truth) {
  napi_value value;
  return napi_get_boolean(env, truth, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

/* state(engine) -> { running, lost, tso, uso, segmentation, grouping } */
static napi_value state(napi_env env, napi_callback_info info) {
  napi_value arguments[1], object;
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  struct shared *shared = &engine->shared;
  bool segmentation = true, grouping = true, running = engine->workers != NULL;
  for (int family = 0; running && family < 2; family++) {
    if (engine->workers[0].sockets[family] < 0) continue;
    segmentation = segmentation && atomic_load(&shared->segmentation[family]) &&
                   atomic_load(&shared->apart_until[family]) <= seconds_now();
    grouping = grouping && atomic_load(&shared->grouping[family]);
  }
  NAPI_OR_THROW(env, napi_create_object(env, &object));
  if (set_boolean(env, object, "running", running) &&
      set_boolean(env, object, "lost", running && atomic_load(&shared->device_lost)) &&
      set_boolean(env, object, "tso", running && shared->tso) &&
      set_boolean(env, object, "uso", running && shared->uso) &&
      set_boolean(env, object, "segmentation", running && segmentation) &&
      set_boolean(env, object, "grouping", running && grouping))
    return object;
  throw_last(env);
  return NULL;
}

/* strays(engine) -> [number, 16 bytes of address as numbers][], which are forgotten then */
static napi_value strays(napi_env env, napi_callback_info info) {
  napi_value arguments[1], list;
  struct stray found[STRAYS];
  if (!arguments_of(env, info, arguments, 1)) return NULL;
  struct engine *engine = engine_of(env, arguments[0]);
  if (engine == NULL) return NULL;
  pthread_mutex_lock(&engine->shared.stray_lock);
  uint32_t many = engine->shared.stray_count;
  memcpy(found, engine->shared.strays, many * sizeof *found);
  engine->shared.stray_count = 0;
  pthread_mutex_unlock(&engine->shared.stray_lock);
  NAPI_OR_THROW(env, napi_create_array_with_length(env, many, &list));
  for (uint32_t i = 0; i < many; i++) {
    napi_value entry, value;
    NAPI_OR_THROW(env, napi_create_array_with_length(env, 17, &entry));
    for (uint32_t position = 0; position < 17; position++) {
      uint32_t number = position == 0 ? found[i].peer : found[i].sender.bytes[position - 1];
      NAPI_OR_THROW(env, napi_create_uint32(env, number, &value));
      NAPI_OR_THROW(env, napi_set_element(env, entry, position, value));
    }
    NAPI_OR_THROW(env, napi_set_element(env, list, i, entry));
  }
  return list;
}

#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("create", create),   FUNCTION("configure", configure),
      FUNCTION("start", start),     FUNCTION("stop", stop),
      FUNCTION("close", close_engine), FUNCTION("setPeers", set_peers),
      FUNCTION("counters", counters),  FUNCTION("peerTraffic", peer_traffic),
      FUNCTION("state", state),        FUNCTION("strays", strays),
      FUNCTION("traffic", traffic),
  };
  NAPI_OR_THROW(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
