/*
 * Datagrams on their way to peers. Those of equal size to one peer that follow each other become one message, which the
 * kernel cuts into datagrams (UDP_SEGMENT); all messages go with one system call.
 */
#ifndef OVERLAY_UDP_OUTBOX_H
#define OVERLAY_UDP_OUTBOX_H

#include <sys/socket.h>

#include "../counters.h"

#define OUTBOX_MESSAGES 64
#define OUTBOX_VECTORS 1024
#define OUTBOX_SCRATCH (64 * 1024)
/* UDP_MAX_SEGMENTS before Linux 6.9, and the largest UDP payload of IPv4. */
#define MESSAGE_SEGMENTS 64
#define MESSAGE_BYTES 65507

struct message {
  struct peer *peer;
  const struct endpoint *to;
  uint32_t first, vectors; /* in the outbox's list */
  uint32_t bytes, size, segments;
};

struct outbox {
  int sockets[2];                /* IPv4, IPv6; -1: none */
  const _Atomic bool *segmentation[2];  /* whether the sockets know UDP_SEGMENT */
  _Atomic int64_t *apart_until[2];      /* until when a device is known that refuses it, as in struct peer_state */
  struct counters *counters;
  const _Atomic bool *stop;
  uint32_t message_count, vector_count, scratch_used;
  struct message messages[OUTBOX_MESSAGES];
  struct mmsghdr headers[OUTBOX_MESSAGES];
  _Alignas(8) uint8_t controls[OUTBOX_MESSAGES][CMSG_SPACE(sizeof(uint16_t))];
  struct iovec vectors[OUTBOX_VECTORS];
  uint8_t scratch[OUTBOX_SCRATCH];
};

/*
 * Room for a header that the caller writes; it is taken by the next outbox_add. Sends what is there if there is no more
 * room. Valid until that outbox_add.
 */
uint8_t *outbox_header(struct outbox *outbox);

/*
 * Adds the datagram made of `header` and `payload`. The payload stays where it is until the outbox is flushed, and so does
 * the header if it is not in the room that outbox_header gave. Flushes by itself when it is full.
 */
void outbox_add(struct outbox *outbox, struct peer *peer, const struct endpoint *to, const uint8_t *header,
                uint32_t header_bytes, const uint8_t *payload, uint32_t payload_bytes);

/* Sends everything. */
void outbox_flush(struct outbox *outbox);

#endif
