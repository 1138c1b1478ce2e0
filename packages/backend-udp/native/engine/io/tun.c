#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* From linux/if_tun.h of 6.2; Debian 12's is older. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define CHECKSUM_AND_TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static struct outcome open_queue(const struct tun *tun, int *descriptor) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
  int header = sizeof(struct virtio_net_hdr);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  *descriptor = fd;
  if (fd < 0) return (struct outcome){errno, "open(/dev/net/tun)"};
  strncpy(request.ifr_name, tun->name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) return (struct outcome){errno, "ioctl(TUNSETIFF)"};
  if (ioctl(fd, TUNSETVNETHDRSZ, &header) != 0) return (struct outcome){errno, "ioctl(TUNSETVNETHDRSZ)"};
  return SUCCESS;
}

/* Each offload is asked for by itself, the younger ones first given up (USO: Linux 6.2). */
static void ask_offloads(struct tun *tun) {
  int fd = tun->descriptors[0];
  tun->tso = tun->uso = ioctl(fd, TUNSETOFFLOAD, CHECKSUM_AND_TSO | TUN_F_USO4 | TUN_F_USO6) == 0;
  if (!tun->tso) tun->tso = ioctl(fd, TUNSETOFFLOAD, CHECKSUM_AND_TSO) == 0;
  if (!tun->tso && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM) != 0) (void)ioctl(fd, TUNSETOFFLOAD, 0);
}

/* A burst that comes while our thread has to wait for the processor must find room. Without it, more is lost. */
static void lengthen_queue(const struct tun *tun) {
  struct ifreq request = {.ifr_qlen = (int)tun->transmit_queue};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  strncpy(request.ifr_name, tun->name, IFNAMSIZ - 1);
  (void)ioctl(fd, SIOCSIFTXQLEN, &request);
  close(fd);
}

struct outcome tun_open(struct tun *tun) {
  for (uint32_t i = 0; i < tun->queues; i++) tun->descriptors[i] = -1;
  for (uint32_t i = 0; i < tun->queues; i++) {
    struct outcome outcome = open_queue(tun, &tun->descriptors[i]);
    if (outcome.error != 0) {
      tun_close(tun);
      return outcome;
    }
  }
  if (ioctl(tun->descriptors[0], TUNSETPERSIST, 1) != 0) {
    int error = errno;
    tun_close(tun);
    return (struct outcome){error, "ioctl(TUNSETPERSIST)"};
  }
  ask_offloads(tun);
  lengthen_queue(tun);
  return SUCCESS;
}

void tun_close(struct tun *tun) {
  for (uint32_t i = 0; i < tun->queues; i++) {
    if (tun->descriptors[i] >= 0) close(tun->descriptors[i]);
    tun->descriptors[i] = -1;
  }
}
