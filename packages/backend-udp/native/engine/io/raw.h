/*
 * Whole IP packets of this host's own: raw(7). By the device they would come from an address that is the host's, which the
 * kernel takes for a forgery (fib_validate_source of net/ipv4/fib_frontend.c).
 */
#ifndef OVERLAY_UDP_RAW_H
#define OVERLAY_UDP_RAW_H

#include <stddef.h>
#include <stdint.h>

/* A socket for packets of an address family; -1: not allowed here, or the family is not there. */
int raw_open(int address_family);

/* Sends a packet where its header says. One that does not get through is lost. `family`: enum family. */
void raw_send(int descriptor, uint8_t family, const uint8_t *packet, size_t length);

#endif
