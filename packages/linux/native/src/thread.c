#include "thread.h"

#include <signal.h>

#define THREAD_STACK_BYTES (256 * 1024)

int start_thread(pthread_t *thread, const char *name, void *(*run)(void *), void *argument) {
  sigset_t all, before;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
  /* A signal taken by this thread would interrupt its system calls and never be seen by Node. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_setname_np(*thread, name);
  return error;
}
