/* sd-bus: sd_bus_message_new…, append, seal; a message from bytes and every value to the end. It checks names and
 * strings when they are appended and, for values, when they are read. What seal leaves is in several pieces of memory,
 * as writev takes them: no copy into one.
 *
 * A message from bytes is not in the public library. Where systemd's own shared library is installed, which holds the
 * same code and hands out what reads a message from a socket, this program is linked against that (FROM_BYTES): it
 * takes memory from malloc and keeps it, so decoding is malloc, copy, parse, read all. Without it decoding is
 * sd_bus_message_rewind and read all: no header, no copy. */
#include "contestant.h"
#include <sys/socket.h>
#include <systemd/sd-bus.h>

static Case the_case;
static Blob received;
static sd_bus *bus;

#ifdef FROM_BYTES
int bus_message_from_malloc(sd_bus *bus, void *buffer, size_t length, int *fds, size_t n_fds, const char *label,
                            sd_bus_message **ret);
int bus_message_get_blob(sd_bus_message *message, void **buffer, size_t *length);
#endif

static void must(int result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
  }
}

static char container(char code) {
  return code == '{' ? SD_BUS_TYPE_DICT_ENTRY : code == '(' ? SD_BUS_TYPE_STRUCT : code;
}

static void append(sd_bus_message *message) {
  for (const Step *step = the_case.steps, *end = step + the_case.count; step < end; step++) {
    switch (step->code) {
      case '[':
        must(sd_bus_message_open_container(message, container(step->type), step->data), "open_container");
        break;
      case ']': must(sd_bus_message_close_container(message), "close_container"); break;
      case 'F': must(sd_bus_message_append_array(message, step->type, step->data, step->length), "append_array"); break;
      default: must(sd_bus_message_append_basic(message, step->code, step->data), "append_basic");
    }
  }
}

static sd_bus_message *request; /* the call that a reply answers */

static sd_bus_message *sealed(const char *sender) {
  sd_bus_message *message = NULL;
  switch (the_case.type) {
    case SD_BUS_MESSAGE_METHOD_CALL:
      must(sd_bus_message_new_method_call(bus, &message, the_case.destination, the_case.path, the_case.interface,
                                          the_case.member), "new_method_call");
      break;
    case SD_BUS_MESSAGE_SIGNAL:
      must(sd_bus_message_new_signal(bus, &message, the_case.path, the_case.interface, the_case.member), "new_signal");
      break;
    default:
      must(sd_bus_message_new_method_return(request, &message), "new_method_return");
      must(sd_bus_message_set_destination(message, the_case.destination), "set_destination");
  }
  if (sender != NULL) must(sd_bus_message_set_sender(message, sender), "set_sender");
  append(message);
  must(sd_bus_message_seal(message, SERIAL, 0), "seal");
  return message;
}

static void encode(void) {
  sd_bus_message_unref(sealed(NULL));
}

static void read_text(char code, const char *text) {
  if (text == NULL) return;
  sink += (uint8_t)text[0];
  digest_step(code, text, strlen(text));
}

static void read_all(sd_bus_message *message) {
  read_text('P', sd_bus_message_get_path(message));
  read_text('I', sd_bus_message_get_interface(message));
  read_text('M', sd_bus_message_get_member(message));
  read_text('D', sd_bus_message_get_destination(message));
  read_text('S', sd_bus_message_get_sender(message));
  uint64_t cookie = 0;
  sd_bus_message_get_cookie(message, &cookie);
  sink += cookie;
  for (const Step *step = the_case.steps, *end = step + the_case.count; step < end; step++) {
    switch (step->code) {
      case '[':
        must(sd_bus_message_enter_container(message, container(step->type), step->data), "enter_container");
        digest_step('[', &step->type, 1);
        break;
      case ']':
        must(sd_bus_message_exit_container(message), "exit_container");
        digest_step(']', NULL, 0);
        break;
      case 'F': {
        const void *elements;
        size_t length;
        must(sd_bus_message_read_array(message, step->type, &elements, &length), "read_array");
        sink += length;
        digest_step('F', &step->type, 1);
        digest_step('F', elements, length);
        break;
      }
      default: {
        union { uint8_t byte; uint64_t number; const char *text; } value;
        must(sd_bus_message_read_basic(message, step->code, &value), "read_basic");
        sink += value.byte;
        digest_basic(step->code, &value);
      }
    }
  }
  if (sd_bus_message_at_end(message, true) <= 0) die("more values than there should be");
}

#ifdef FROM_BYTES
static void decode(void) {
  void *buffer = malloc(received.length);
  memcpy(buffer, received.bytes, received.length);
  sd_bus_message *message = NULL;
  must(bus_message_from_malloc(bus, buffer, received.length, NULL, 0, NULL, &message), "from_malloc");
  read_all(message);
  sd_bus_message_unref(message);
}

static Blob bytes(void) {
  sd_bus_message *message = sealed(NULL);
  void *buffer;
  Blob blob;
  must(bus_message_get_blob(message, &buffer, &blob.length), "get_blob");
  blob.bytes = buffer;
  sd_bus_message_unref(message);
  return blob;
}
#else
static void decode(void) {
  static sd_bus_message *message;
  if (message == NULL) message = sealed(the_case.sender);
  must(sd_bus_message_rewind(message, true), "rewind");
  read_all(message);
}
#define bytes NULL
#endif

int main(int argc, char **argv) {
  if (argc != 3) die("usage: sd-bus STEPS BYTES");
  the_case = read_case(argv[1]);
  received = read_file(argv[2]);
  /* Messages belong to a bus that was started: one whose other end nobody reads. */
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0) die("socketpair");
  must(sd_bus_new(&bus), "new");
  must(sd_bus_set_fd(bus, sockets[0], sockets[0]), "set_fd");
  must(sd_bus_set_anonymous(bus, true), "set_anonymous");
  must(sd_bus_start(bus), "start");
  if (the_case.reply_serial != 0) {
    must(sd_bus_message_new_method_call(bus, &request, NULL, "/", NULL, "Member"), "request");
    must(sd_bus_message_seal(request, the_case.reply_serial, 0), "seal");
  }
  serve((Contestant){ encode, decode, bytes });
}
