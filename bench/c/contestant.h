/* What the C contestants share: the values of a case as a list of steps, the lines that tell them what to do, the
 * clock, and a digest of what was read. The lines are those of worker.mjs, but for one: digest, of the values read.
 *
 * A case comes as records, each a code (one byte), a length (32 bits) and as many bytes:
 *   header: T type, P path, I interface, M member, D destination, S sender, R reply serial
 *   values: a basic type's code and the value as it lies in memory (text with its NUL);
 *           [ opens a container: its code, then its contents as text with NUL;  ] closes it;
 *           F an array of a fixed type: the type's code, then the elements
 * A user who knows the payload would write these steps out; a switch between them costs a nanosecond or two. */
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  char code;           /* a basic type, or [ ] F */
  char type;           /* [ the container's code; F the element's */
  const void *data;    /* the value; for text, the text; for [, its contents */
  size_t length;       /* F: bytes */
} Step;

typedef struct {
  int type;
  const char *path, *interface, *member, *destination;
  const char *sender;  /* of the message that is read; one that is written has none */
  uint32_t reply_serial;
  Step *steps;
  size_t count;
} Case;

typedef struct {
  uint8_t *bytes;
  size_t length;
} Blob;

#define SERIAL 7

static inline void die(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static inline Blob read_file(const char *name) {
  FILE *file = fopen(name, "rb");
  if (file == NULL) die(name);
  fseek(file, 0, SEEK_END);
  Blob blob = { .length = (size_t)ftell(file) };
  rewind(file);
  blob.bytes = malloc(blob.length);
  if (blob.bytes == NULL || fread(blob.bytes, 1, blob.length, file) != blob.length) die(name);
  fclose(file);
  return blob;
}

static inline Case read_case(const char *name) {
  const Blob blob = read_file(name);
  Case result = { 0 };
  result.steps = calloc(blob.length / 5 + 1, sizeof(Step));
  for (size_t offset = 0; offset < blob.length;) {
    const char code = (char)blob.bytes[offset];
    uint32_t length;
    memcpy(&length, blob.bytes + offset + 1, 4);
    char *data = aligned_alloc(16, (length + 16) & ~(size_t)15);
    memcpy(data, blob.bytes + offset + 5, length);
    offset += 5 + length;
    switch (code) {
      case 'T': result.type = data[0]; break;
      case 'P': result.path = data; break;
      case 'I': result.interface = data; break;
      case 'M': result.member = data; break;
      case 'D': result.destination = data; break;
      case 'S': result.sender = data; break;
      case 'R': memcpy(&result.reply_serial, data, 4); break;
      case 'F': {
        char *elements = aligned_alloc(16, (length + 15) & ~(size_t)15);
        memcpy(elements, data + 1, length - 1);
        result.steps[result.count++] = (Step){ 'F', data[0], elements, length - 1 };
        break;
      }
      case '[': result.steps[result.count++] = (Step){ '[', data[0], data + 1, 0 }; break;
      default: result.steps[result.count++] = (Step){ code, 0, data, length }; break;
    }
  }
  free(blob.bytes);
  return result;
}

static inline size_t size_of(char type) {
  switch (type) {
    case 'y': return 1;
    case 'n': case 'q': return 2;
    case 'x': case 't': case 'd': return 8;
    default: return 4;
  }
}

static inline bool is_text(char type) { return type == 's' || type == 'o' || type == 'g'; }

/* The digest: FNV-1a over the codes and the values in order. Off while the clock runs. */
static bool digesting = false;
static uint32_t digest;

static inline void digest_bytes(const void *data, size_t length) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < length; i++) digest = (digest ^ bytes[i]) * 16777619u;
}

static inline void digest_step(char code, const void *data, size_t length) {
  if (!digesting) return;
  digest_bytes(&code, 1);
  digest_bytes(data, length);
}

static inline void digest_basic(char type, const void *value) {
  if (!digesting) return;
  const char *text = is_text(type) ? *(const char *const *)value : NULL;
  digest_step(type, text != NULL ? (const void *)text : value, text != NULL ? strlen(text) : size_of(type));
}

/* Values that were read go here, so that no read can be optimised away. */
static volatile uint64_t sink;

static inline uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

typedef void (*Operation)(void);

static inline void run_for(Operation operation, uint64_t nanoseconds) {
  static uint64_t batch = 1;
  uint64_t operations = 0, elapsed = 0;
  const uint64_t begin = now();
  do {
    for (uint64_t i = 0; i < batch; i++) operation();
    operations += batch;
    elapsed = now() - begin;
    const uint64_t per_millisecond = operations * 1000000u / (elapsed + 1);
    batch = batch * 2 < per_millisecond ? batch * 2 : per_millisecond;
    if (batch == 0) batch = 1;
  } while (elapsed < nanoseconds);
  printf("ok %" PRIu64 " %" PRIu64 "\n", operations, elapsed);
}

typedef struct {
  Operation encode, decode;  /* NULL where there is none */
  Blob (*bytes)(void);       /* what encode writes, or NULL; the caller frees it */
} Contestant;

static inline void serve(Contestant contestant) {
  char line[256];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    const char *command = strtok(line, "\t");
    const char *direction = strtok(NULL, "\t");
    const char *nanoseconds = strtok(NULL, "\t");
    if (command == NULL) continue;
    Operation operation = direction != NULL && strcmp(direction, "dec") == 0 ? contestant.decode : contestant.encode;
    if (strcmp(command, "directions") == 0) {
      printf("ok [%s%s%s]\n", contestant.encode ? "\"enc\"" : "", contestant.encode && contestant.decode ? "," : "",
             contestant.decode ? "\"dec\"" : "");
    } else if (strcmp(command, "digest") == 0) {
      digest = 2166136261u;
      digesting = true;
      contestant.decode();
      digesting = false;
      printf("ok %" PRIu32 "\n", digest);
    } else if (strcmp(command, "bytes") == 0) {
      if (contestant.bytes == NULL) {
        printf("error this build cannot hand out its bytes\n");
      } else {
        Blob blob = contestant.bytes();
        fputs("ok ", stdout);
        for (size_t i = 0; i < blob.length; i++) printf("%02x", blob.bytes[i]);
        putchar('\n');
        free(blob.bytes);
      }
    } else if (strcmp(command, "run") == 0 && nanoseconds != NULL) {
      run_for(operation, strtoull(nanoseconds, NULL, 10));
    } else {
      printf("error unknown command\n");
    }
    fflush(stdout);
  }
}
