/*
 * Datagrams that leave a program as one super-packet (UDP_SEGMENT of udp(7)).
 *   segments serve ADDRESS PORT: sends back what comes, again as one.
 *   segments ask ADDRESS PORT SIZE BYTES: sends BYTES as datagrams of SIZE, and compares what comes back byte for byte.
 * Prints `serving`, or how many datagrams came back; ends with 1 and says what was wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define UDP_LEVEL 17
#define UDP_SEGMENT_OPTION 103
#define MOST 65000
/* A datagram may be lost on a busy machine; all are sent again then, and not for ever. */
#define TRIES 20
#define AGAIN_S 1

static void fail(const char *what) {
  fprintf(stderr, "segments: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* The first byte of each datagram is its place, and everything else depends on where it is. */
static void fill(uint8_t *bytes, size_t length, size_t size, uint8_t seed) {
  for (size_t i = 0; i < length; i++) bytes[i] = i % size == 0 ? (uint8_t)(i / size) : (uint8_t)(i * 31 + (i >> 8) + seed);
}

static void send_as_one(int fd, const struct sockaddr *to, socklen_t to_length, uint8_t *bytes, size_t length, size_t size) {
  _Alignas(8) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
  struct iovec vector = {bytes, length};
  struct msghdr header = {.msg_name = (void *)to, .msg_namelen = to_length, .msg_iov = &vector, .msg_iovlen = 1,
                          .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *option = CMSG_FIRSTHDR(&header);
  *option = (struct cmsghdr){.cmsg_level = UDP_LEVEL, .cmsg_type = UDP_SEGMENT_OPTION, .cmsg_len = CMSG_LEN(sizeof(uint16_t))};
  uint16_t segment = (uint16_t)size;
  memcpy(CMSG_DATA(option), &segment, sizeof segment);
  if (sendmsg(fd, &header, 0) != (ssize_t)length) fail("sendmsg");
}

/* The length of all comes first, in a datagram of its own; the sizes are those of the datagrams. */
static void serve(int fd) {
  static uint8_t all[MOST], one[MOST];
  struct sockaddr_storage from;
  size_t wanted = 0, size = 0, got = 0;
  for (;;) {
    socklen_t from_length = sizeof from;
    ssize_t length = recvfrom(fd, one, sizeof one, 0, (struct sockaddr *)&from, &from_length);
    if (length < 0) fail("recvfrom");
    if (length == 9 && one[0] == 255) {
      uint32_t numbers[2];
      memcpy(numbers, one + 1, sizeof numbers);
      wanted = numbers[0];
      size = numbers[1];
      got = 0;
      continue;
    }
    size_t at = one[0] * size;
    if (wanted == 0 || at + (size_t)length > wanted || ((size_t)length != size && at + (size_t)length != wanted)) continue;
    memcpy(all + at, one, (size_t)length);
    got += (size_t)length;
    if (got != wanted) continue;
    send_as_one(fd, (struct sockaddr *)&from, from_length, all, wanted, size);
    got = 0;
  }
}

static int ask(int fd, const struct sockaddr *to, socklen_t to_length, size_t size, size_t bytes) {
  static uint8_t sent[MOST], one[MOST], seen[256];
  size_t many = (bytes + size - 1) / size;
  struct timeval patience = {.tv_sec = AGAIN_S};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (int attempt = 0; attempt < TRIES; attempt++) {
    uint32_t numbers[2] = {(uint32_t)bytes, (uint32_t)size};
    size_t back = 0;
    fill(sent, bytes, size, (uint8_t)attempt);
    one[0] = 255;
    memcpy(one + 1, numbers, sizeof numbers);
    if (sendto(fd, one, 9, 0, to, to_length) != 9) fail("sendto");
    send_as_one(fd, to, to_length, sent, bytes, size);
    memset(seen, 0, sizeof seen);
    while (back < many) {
      ssize_t length = recv(fd, one, sizeof one, 0);
      if (length < 0 && errno == EAGAIN) break;
      if (length < 0) fail("recv");
      size_t at = one[0] * size, expected = bytes - at < size ? bytes - at : size;
      if (at >= bytes || (size_t)length != expected) {
        fprintf(stderr, "segments: a datagram of %zd bytes at %zu came back\n", length, at);
        return 1;
      }
      /* Of an attempt before. */
      if (length > 1 && one[1] != sent[at + 1]) continue;
      if (memcmp(one, sent + at, expected) != 0) {
        fprintf(stderr, "segments: the datagram at %zu came back altered\n", at);
        return 1;
      }
      if (!seen[one[0]]++) back++;
    }
    if (back == many) {
      printf("%zu\n", back);
      return 0;
    }
  }
  fprintf(stderr, "segments: not all came back\n");
  return 1;
}

int main(int count, char **arguments) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
  if (count < 4 || getaddrinfo(arguments[2], arguments[3], &hints, &found) != 0) return 2;
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 1 << 20;
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (strcmp(arguments[1], "ask") == 0 && count == 6)
    return ask(fd, found->ai_addr, found->ai_addrlen, (size_t)atoi(arguments[4]), (size_t)atoi(arguments[5]));
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) fail("bind");
  printf("serving\n");
  fflush(stdout);
  serve(fd);
}
