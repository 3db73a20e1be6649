/* libdbus: dbus_message_new…, append, dbus_message_marshal; dbus_message_demarshal and every value to the end.
 * It checks names and strings when they are appended, and a whole message when it demarshals one. */
#include "contestant.h"
#include <dbus/dbus.h>

#define MAX_DEPTH 64

static Case the_case;
static Blob received;

static void append(DBusMessage *message) {
  DBusMessageIter iters[MAX_DEPTH];
  int depth = 0;
  dbus_message_iter_init_append(message, &iters[0]);
  for (const Step *step = the_case.steps, *end = step + the_case.count; step < end; step++) {
    switch (step->code) {
      case '[': {
        const int type = step->type == '{' ? DBUS_TYPE_DICT_ENTRY : step->type == '(' ? DBUS_TYPE_STRUCT : step->type;
        const char *contents = type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_VARIANT ? step->data : NULL;
        if (!dbus_message_iter_open_container(&iters[depth], type, contents, &iters[depth + 1])) die("open_container");
        depth++;
        break;
      }
      case ']':
        depth--;
        if (!dbus_message_iter_close_container(&iters[depth], &iters[depth + 1])) die("close_container");
        break;
      case 'F': {
        const char contents[2] = { step->type, 0 };
        if (!dbus_message_iter_open_container(&iters[depth], DBUS_TYPE_ARRAY, contents, &iters[depth + 1]) ||
            !dbus_message_iter_append_fixed_array(&iters[depth + 1], step->type, &step->data,
                                                  (int)(step->length / size_of(step->type))) ||
            !dbus_message_iter_close_container(&iters[depth], &iters[depth + 1])) {
          die("append_fixed_array");
        }
        break;
      }
      default: {
        const void *value = is_text(step->code) ? (const void *)&step->data : step->data;
        if (!dbus_message_iter_append_basic(&iters[depth], step->code, value)) die("append_basic");
      }
    }
  }
}

static Blob marshalled(void) {
  DBusMessage *message;
  switch (the_case.type) {
    case DBUS_MESSAGE_TYPE_METHOD_CALL:
      message = dbus_message_new_method_call(the_case.destination, the_case.path, the_case.interface, the_case.member);
      break;
    case DBUS_MESSAGE_TYPE_SIGNAL:
      message = dbus_message_new_signal(the_case.path, the_case.interface, the_case.member);
      break;
    default:
      message = dbus_message_new(the_case.type);
      if (!dbus_message_set_reply_serial(message, the_case.reply_serial) ||
          !dbus_message_set_destination(message, the_case.destination)) {
        die("header");
      }
  }
  append(message);
  dbus_message_set_serial(message, SERIAL);
  char *bytes;
  int length;
  if (!dbus_message_marshal(message, &bytes, &length)) die("marshal");
  dbus_message_unref(message);
  return (Blob){ (uint8_t *)bytes, (size_t)length };
}

static void encode(void) {
  const Blob blob = marshalled();
  sink += blob.length;
  dbus_free(blob.bytes);
}

static void read_values(DBusMessage *message) {
  DBusMessageIter iters[MAX_DEPTH];
  int depth = 0;
  dbus_message_iter_init(message, &iters[0]);
  for (const Step *step = the_case.steps, *end = step + the_case.count; step < end; step++) {
    switch (step->code) {
      case '[':
        dbus_message_iter_recurse(&iters[depth], &iters[depth + 1]);
        depth++;
        digest_step('[', &step->type, 1);
        break;
      case ']':
        if (dbus_message_iter_get_arg_type(&iters[depth]) != DBUS_TYPE_INVALID) die("more values than there should be");
        depth--;
        dbus_message_iter_next(&iters[depth]);
        digest_step(']', NULL, 0);
        break;
      case 'F': {
        const void *elements;
        int count;
        dbus_message_iter_recurse(&iters[depth], &iters[depth + 1]);
        dbus_message_iter_get_fixed_array(&iters[depth + 1], &elements, &count);
        sink += (uint64_t)count;
        dbus_message_iter_next(&iters[depth]);
        digest_step('F', &step->type, 1);
        digest_step('F', elements, (size_t)count * size_of(step->type));
        break;
      }
      default: {
        DBusBasicValue value;
        dbus_message_iter_get_basic(&iters[depth], &value);
        sink += value.byt;
        digest_basic(step->code, &value);
        dbus_message_iter_next(&iters[depth]);
      }
    }
  }
}

static void read_text(char code, const char *text) {
  if (text == NULL) return;
  sink += (uint8_t)text[0];
  digest_step(code, text, strlen(text));
}

static void decode(void) {
  DBusMessage *message = dbus_message_demarshal((const char *)received.bytes, (int)received.length, NULL);
  if (message == NULL) die("demarshal");
  read_text('P', dbus_message_get_path(message));
  read_text('I', dbus_message_get_interface(message));
  read_text('M', dbus_message_get_member(message));
  read_text('D', dbus_message_get_destination(message));
  read_text('S', dbus_message_get_sender(message));
  sink += dbus_message_get_serial(message) + dbus_message_get_reply_serial(message);
  read_values(message);
  dbus_message_unref(message);
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: libdbus STEPS BYTES");
  the_case = read_case(argv[1]);
  received = read_file(argv[2]);
  serve((Contestant){ encode, decode, marshalled });
}
