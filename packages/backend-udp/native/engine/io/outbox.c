#include "outbox.h"

#include <errno.h>
#include <linux/udp.h>
#include <poll.h>
#include <string.h>

#include "../packet/split.h"
#include "../seconds.h"

/* A payload up to this is copied behind its header: cheaper than one more vector for the kernel. */
#define COPIED_PAYLOAD 256
#define SCRATCH_MARGIN (LARGEST_HEADER + COPIED_PAYLOAD)
/* How long a full socket buffer is waited for until the datagram is given up, in milliseconds. */
#define PATIENCE_MS 20

/*
 * How long datagrams go to a peer one by one after the device there has refused to cut a message, in seconds. Its features
 * may change, and so may the route to the peer.
 */
#define APART_SECONDS 60

static int family_of(const struct endpoint *to) { return to->address.any.sa_family == AF_INET6; }

static bool may_join(struct outbox *outbox, const struct peer *peer, const struct endpoint *to) {
  if (!atomic_load_explicit(outbox->segmentation[family_of(to)], memory_order_relaxed)) return false;
  int64_t until = atomic_load_explicit(&peer->state->apart_until, memory_order_relaxed);
  return until == 0 || until <= seconds_now();
}

uint8_t *outbox_header(struct outbox *outbox) {
  if (outbox->scratch_used + SCRATCH_MARGIN > OUTBOX_SCRATCH) outbox_flush(outbox);
  return outbox->scratch + outbox->scratch_used;
}

static struct message *open_message(struct outbox *outbox, struct peer *peer, const struct endpoint *to,
                                    uint32_t bytes) {
  if (outbox->message_count > 0) {
    struct message *last = &outbox->messages[outbox->message_count - 1];
    bool fits = last->peer == peer && last->to == to && bytes <= last->size &&
                last->bytes == last->size * last->segments && last->segments < MESSAGE_SEGMENTS &&
                last->bytes + bytes <= MESSAGE_BYTES;
    if (fits && may_join(outbox, peer, to)) return last;
  }
  struct message *message = &outbox->messages[outbox->message_count++];
  *message = (struct message){.peer = peer, .to = to, .first = outbox->vector_count, .size = bytes};
  return message;
}

static void add_vector(struct outbox *outbox, struct message *message, const uint8_t *bytes, uint32_t length) {
  if (message->vectors > 0) {
    struct iovec *last = &outbox->vectors[outbox->vector_count - 1];
    if ((uint8_t *)last->iov_base + last->iov_len == bytes) {
      last->iov_len += length;
      return;
    }
  }
  outbox->vectors[outbox->vector_count++] = (struct iovec){(void *)bytes, length};
  message->vectors++;
}

void outbox_add(struct outbox *outbox, struct peer *peer, const struct endpoint *to, const uint8_t *header,
                uint32_t header_bytes, const uint8_t *payload, uint32_t payload_bytes) {
  struct message *message = open_message(outbox, peer, to, header_bytes + payload_bytes);
  uint8_t *scratch = outbox->scratch + outbox->scratch_used;
  if (header == scratch) {
    if (payload_bytes <= COPIED_PAYLOAD) {
      memcpy(scratch + header_bytes, payload, payload_bytes);
      header_bytes += payload_bytes;
      payload_bytes = 0;
    }
    outbox->scratch_used += header_bytes;
  }
  add_vector(outbox, message, header, header_bytes);
  if (payload_bytes > 0) add_vector(outbox, message, payload, payload_bytes);
  message->bytes += header_bytes + payload_bytes;
  message->segments++;
  if (outbox->message_count == OUTBOX_MESSAGES || outbox->vector_count + 2 > OUTBOX_VECTORS) outbox_flush(outbox);
}

static void describe(struct outbox *outbox, uint32_t index) {
  struct message *message = &outbox->messages[index];
  struct msghdr *header = &outbox->headers[index].msg_hdr;
  *header = (struct msghdr){.msg_name = (void *)&message->to->address,
                            .msg_namelen = message->to->length,
                            .msg_iov = &outbox->vectors[message->first],
                            .msg_iovlen = message->vectors};
  if (message->segments == 1) return;
  header->msg_control = outbox->controls[index];
  header->msg_controllen = sizeof outbox->controls[index];
  struct cmsghdr *control = CMSG_FIRSTHDR(header);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  uint16_t size = (uint16_t)message->size;
  memcpy(CMSG_DATA(control), &size, sizeof size);
}

static void count_sent(struct outbox *outbox, const struct message *message, uint32_t segments, uint32_t bytes) {
  count_traffic(&outbox->counters->sent, segments, bytes);
  add_traffic(&message->peer->state->traffic.sent, segments, bytes);
}

static enum reason reason_of(int error) {
  switch (error) {
  case EMSGSIZE:
    return REASON_TOO_LARGE;
  case EAGAIN:
  case ENOBUFS:
  case ENOMEM:
    return REASON_OVERLOAD;
  default: /* no route, a firewall that refuses, an interface that is down */
    return REASON_UNREACHABLE;
  }
}

/* Whether a full socket buffer has room again. */
static bool wait_writable(struct outbox *outbox, int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  return !atomic_load_explicit(outbox->stop, memory_order_relaxed) && poll(&wait, 1, PATIENCE_MS) > 0 &&
         (wait.revents & POLLOUT) != 0;
}

/* Returns 0 or an errno. */
static int send_one(struct outbox *outbox, int fd, const struct msghdr *header) {
  for (;;) {
    if (sendmsg(fd, header, 0) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !wait_writable(outbox, fd)) return errno;
  }
}

/* Sends the datagrams of a message one by one, out of the same vectors. */
static void send_apart(struct outbox *outbox, int fd, const struct message *message) {
  struct iovec vectors[MESSAGE_SEGMENTS + 4];
  const struct iovec *from = &outbox->vectors[message->first];
  size_t offset = 0;
  for (uint32_t done = 0; done < message->bytes;) {
    uint32_t wanted = message->bytes - done < message->size ? message->bytes - done : message->size, left = wanted;
    size_t used = 0;
    while (left > 0 && used < sizeof vectors / sizeof *vectors) {
      size_t piece = from->iov_len - offset < left ? from->iov_len - offset : left;
      vectors[used++] = (struct iovec){(uint8_t *)from->iov_base + offset, piece};
      offset += piece;
      left -= (uint32_t)piece;
      if (offset == from->iov_len) {
        from++;
        offset = 0;
      }
    }
    struct msghdr header = {.msg_name = (void *)&message->to->address,
                            .msg_namelen = message->to->length,
                            .msg_iov = vectors,
                            .msg_iovlen = used};
    int error = send_one(outbox, fd, &header);
    if (error == 0)
      count_sent(outbox, message, 1, wanted);
    else
      count(&outbox->counters->drops[reason_of(error)], 1);
    done += wanted;
  }
}

/* The kernel has refused the message at `index`. */
static void settle(struct outbox *outbox, int fd, uint32_t index, int error) {
  struct message *message = &outbox->messages[index];
  if (message->segments > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP)) {
    /* EIO: the device on the way there does not compute checksums (udp_send_skb of net/ipv4/udp.c). */
    if (error == EIO) {
      int64_t until = seconds_now() + APART_SECONDS;
      atomic_store_explicit(&message->peer->state->apart_until, until, memory_order_relaxed);
      atomic_store_explicit(outbox->apart_until[family_of(message->to)], until, memory_order_relaxed);
    }
    send_apart(outbox, fd, message);
    return;
  }
  if (error == EAGAIN && wait_writable(outbox, fd)) error = send_one(outbox, fd, &outbox->headers[index].msg_hdr);
  if (error == 0)
    count_sent(outbox, message, message->segments, message->bytes);
  else
    count(&outbox->counters->drops[reason_of(error)], message->segments);
}

/* Sends messages [first, end), all by one socket. */
static void send_run(struct outbox *outbox, int fd, uint32_t first, uint32_t end) {
  while (first < end) {
    int sent = fd < 0 ? -1 : sendmmsg(fd, outbox->headers + first, end - first, 0);
    int error = fd < 0 ? ENETUNREACH : errno;
    if (sent < 0 && error == EINTR) continue;
    for (int i = 0; i < sent; i++, first++) {
      struct message *message = &outbox->messages[first];
      count_sent(outbox, message, message->segments, message->bytes);
    }
    if (sent < 0) settle(outbox, fd, first++, error);
  }
}

void outbox_flush(struct outbox *outbox) {
  uint32_t first = 0;
  for (uint32_t i = 0; i < outbox->message_count; i++) describe(outbox, i);
  while (first < outbox->message_count) {
    int family = family_of(outbox->messages[first].to);
    uint32_t end = first + 1;
    while (end < outbox->message_count && family_of(outbox->messages[end].to) == family) end++;
    send_run(outbox, outbox->sockets[family], first, end);
    first = end;
  }
  outbox->message_count = outbox->vector_count = outbox->scratch_used = 0;
}
