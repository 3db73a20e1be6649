/* What the C contestants on the bus share: the names, the lines that tell them what to do (those of bus/worker.mjs),
 * and the clock. A program is started with the kind of the case, a number that belongs to it, the path of the bus's
 * socket and the unique name that signals come from. */
#pragma once
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PARTNER_NAME "com.example.BenchPartner"
#define OBJECT_PATH "/com/example/Bench"
#define INTERFACE "com.example.Bench1"
#define LARGE (1u << 20)

typedef struct {
  char name[64];                 /* its unique name on the bus */
  void (*run)(uint64_t count);   /* NULL if others drive it */
  void (*undo)(void);            /* after the clock has stopped; NULL if there is nothing to undo */
  int fd;
  short (*events)(void);         /* what to poll for */
  void (*process)(void);         /* handles what came, without waiting */
} Opened;

/* The signals that came. */
static uint64_t seen;

static inline void die(const char *what) {
  fprintf(stderr, "error: %s\n", what);
  exit(1);
}

static inline void nothing_for(const char *kind) {
  printf("error it has nothing to set against \"%s\"\n", kind);
  exit(1);
}

/* The path of one of many objects, as in bus/names.mjs. */
static inline const char *object_path(uint64_t i) {
  static char path[64];
  snprintf(path, sizeof path, "/com/example/Bench/group%" PRIu64 "/object%" PRIu64, i % 100, i);
  return path;
}

typedef struct { uint64_t wall, cpu; } Moment;

static inline Moment now(void) {
  struct timespec time;
  struct rusage usage;
  clock_gettime(CLOCK_MONOTONIC, &time);
  getrusage(RUSAGE_SELF, &usage);
  const uint64_t microseconds = ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000u +
                                (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
  return (Moment){ (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec, microseconds * 1000u };
}

static inline void print_since(Moment begin) {
  const Moment end = now();
  printf("ok %" PRIu64 " %" PRIu64 "\n", end.wall - begin.wall, end.cpu - begin.cpu);
}

/* The peak memory of this program in bytes; what getrusage says includes the process that started it. */
static inline uint64_t peak_memory(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  uint64_t kibibytes = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "VmHWM: %" SCNu64, &kibibytes) == 1) break;
  }
  if (file != NULL) fclose(file);
  return kibibytes * 1024;
}

static inline void wait_for(Opened opened, bool with_input, bool *has_input) {
  struct pollfd fds[2] = { { opened.fd, opened.events(), 0 }, { 0, POLLIN, 0 } };
  poll(fds, with_input ? 2 : 1, -1);
  if (has_input != NULL) *has_input = fds[1].revents != 0;
}

static inline void serve(Opened opened) {
  printf("ok %s\n", opened.name);
  fflush(stdout);
  char line[256];
  Moment begin = now();
  for (;;) {
    bool has_input = false;
    while (!has_input) {
      opened.process();
      wait_for(opened, true, &has_input);
    }
    if (fgets(line, sizeof line, stdin) == NULL) return;
    line[strcspn(line, "\n")] = 0;
    const char *command = strtok(line, "\t");
    const char *number = strtok(NULL, "\t");
    const uint64_t count = number == NULL ? 0 : strtoull(number, NULL, 10);
    if (command == NULL) continue;
    if (strcmp(command, "run") == 0 && opened.run != NULL) {
      begin = now();
      opened.run(count);
      print_since(begin);
      if (opened.undo != NULL) opened.undo();
    } else if (strcmp(command, "begin") == 0) {
      seen = 0;
      begin = now();
      printf("ok\n");
    } else if (strcmp(command, "end") == 0) {
      for (;;) {
        opened.process();
        if (seen >= count) break;
        wait_for(opened, false, NULL);
      }
      print_since(begin);
    } else if (strcmp(command, "rss") == 0) {
      printf("ok %" PRIu64 "\n", peak_memory());
    } else {
      printf("error unknown command\n");
    }
    fflush(stdout);
  }
}
