#include "program_pages.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One mapping as /proc/self/smaps tells of it. */
struct mapping {
  uintptr_t start, end;
  bool of_program, writable;
  size_t resident_kb, anonymous_kb;
};

/*
 * A page that differs from the file (a relocated pointer, a patched instruction) would come back as the file has it, so
 * only mappings without any are let go of. Nobody can change the file meanwhile: one that runs is write-protected
 * (ETXTBSY), which is also why no library is touched here.
 */
static size_t release(const struct mapping *mapping) {
  if (!mapping->of_program || mapping->writable || mapping->anonymous_kb > 0) return 0;
  if (madvise((void *)mapping->start, mapping->end - mapping->start, MADV_DONTNEED) != 0) return 0;
  return mapping->resident_kb * 1024;
}

/* Reads "start-end perms offset device inode path" into `mapping`; false for a line that is something else. */
static bool read_heading(const char *line, const char *program, struct mapping *mapping) {
  uintptr_t start, end;
  char permissions[5];
  int path = 0;
  if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, permissions, &path) != 3 || path == 0) return false;
  *mapping = (struct mapping){.start = start, .end = end, .writable = permissions[1] == 'w'};
  mapping->of_program = strcmp(line + path, program) == 0;
  return true;
}

napi_value release_program_pages(napi_env env, napi_callback_info info) {
  (void)info;
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) {
    throw_errno(env, "readlink", errno);
    return NULL;
  }
  program[length] = '\0';
  FILE *file = fopen("/proc/self/smaps", "re");
  if (file == NULL) {
    throw_errno(env, "fopen", errno);
    return NULL;
  }
  struct mapping mapping = {0};
  size_t released = 0, capacity = 0;
  char *line = NULL;
  while ((length = getline(&line, &capacity, file)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    struct mapping next;
    if (read_heading(line, program, &next)) {
      released += release(&mapping);
      mapping = next;
    } else if (sscanf(line, "Rss: %zu kB", &mapping.resident_kb) != 1) {
      sscanf(line, "Anonymous: %zu kB", &mapping.anonymous_kb);
    }
  }
  released += release(&mapping);
  free(line);
  fclose(file);
  napi_value result;
  NAPI_OR_THROW(env, napi_create_double(env, (double)released, &result));
  return result;
}
