#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "thread.h"

struct visit {
  int netns_fd;
  struct outcome (*work)(void *);
  void *argument;
  struct outcome outcome;
};

static void *visit_netns(void *argument) {
  struct visit *visit = argument;
  if (setns(visit->netns_fd, CLONE_NEWNET) != 0)
    visit->outcome = (struct outcome){errno, "setns"};
  else
    visit->outcome = visit->work(visit->argument);
  return NULL;
}

struct outcome in_netns(const char *netns, struct outcome (*work)(void *), void *argument) {
  if (netns == NULL) return work(argument);
  struct visit visit = {.work = work, .argument = argument, .outcome = {0, NULL}};
  visit.netns_fd = open(netns, O_RDONLY | O_CLOEXEC);
  if (visit.netns_fd < 0) return (struct outcome){errno, "open"};
  pthread_t thread;
  int error = start_thread(&thread, "overlay-netns", visit_netns, &visit);
  if (error == 0)
    pthread_join(thread, NULL);
  else
    visit.outcome = (struct outcome){error, "pthread_create"};
  close(visit.netns_fd);
  return visit.outcome;
}
