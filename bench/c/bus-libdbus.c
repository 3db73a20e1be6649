/* libdbus as client and as service, without a main loop of another library. With one call in flight it blocks. */
#include "bus.h"
#include <dbus/dbus.h>

static DBusConnection *connection;
static char address[256];
static uint64_t width, sent, answered, total;

static void must(bool result, const char *what) {
  if (!result) die(what);
}

static DBusConnection *open_connection(void) {
  DBusError error = DBUS_ERROR_INIT;
  DBusConnection *opened = dbus_connection_open_private(address, &error);
  if (opened == NULL || !dbus_bus_register(opened, &error)) die(error.message);
  dbus_connection_set_exit_on_disconnect(opened, FALSE);
  return opened;
}

static void process(void) {
  dbus_connection_read_write(connection, 0);
  while (dbus_connection_dispatch(connection) == DBUS_DISPATCH_DATA_REMAINS) continue;
}

static short events(void) {
  return (short)(POLLIN | (dbus_connection_has_messages_to_send(connection) ? POLLOUT : 0));
}

static DBusMessage *new_call(const char *member) {
  DBusMessage *call = dbus_message_new_method_call(PARTNER_NAME, OBJECT_PATH, INTERFACE, member);
  must(call != NULL, "new_method_call");
  return call;
}

static DBusMessage *new_echo(uint32_t value) {
  DBusMessage *call = new_call("Echo");
  must(dbus_message_append_args(call, DBUS_TYPE_UINT32, &value, DBUS_TYPE_INVALID), "append_args");
  return call;
}

static void check(DBusMessage *reply, uint32_t expected) {
  uint32_t value;
  must(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &value, DBUS_TYPE_INVALID), "the call fails");
  must(value == expected, "wrong reply");
}

static DBusMessage *blocking(DBusMessage *call) {
  DBusError error = DBUS_ERROR_INIT;
  DBusMessage *reply = dbus_connection_send_with_reply_and_block(connection, call, DBUS_TIMEOUT_USE_DEFAULT, &error);
  if (reply == NULL) die(error.message);
  dbus_message_unref(call);
  return reply;
}

static void call_blocking(uint64_t count) {
  for (uint32_t i = 0; i < count; i++) {
    DBusMessage *reply = blocking(new_echo(i));
    check(reply, i);
    dbus_message_unref(reply);
  }
}

static void send_one(void);

static void on_reply(DBusPendingCall *pending, void *expected) {
  DBusMessage *reply = dbus_pending_call_steal_reply(pending);
  check(reply, (uint32_t)(uintptr_t)expected);
  dbus_message_unref(reply);
  dbus_pending_call_unref(pending);
  answered++;
  if (sent < total) send_one();
}

static DBusPendingCall *send_call(DBusMessage *call, int timeout) {
  DBusPendingCall *pending = NULL;
  must(dbus_connection_send_with_reply(connection, call, &pending, timeout) && pending != NULL, "send_with_reply");
  dbus_message_unref(call);
  return pending;
}

static void send_one(void) {
  const uint32_t value = (uint32_t)sent++;
  DBusPendingCall *pending = send_call(new_echo(value), DBUS_TIMEOUT_USE_DEFAULT);
  must(dbus_pending_call_set_notify(pending, on_reply, (void *)(uintptr_t)value, NULL), "set_notify");
}

static void call_many(uint64_t count) {
  sent = answered = 0;
  total = count;
  while (sent < width && sent < total) send_one();
  while (answered < total) must(dbus_connection_read_write_dispatch(connection, -1), "disconnected");
}

static void add_pending(uint64_t count) {
  const uint32_t nothing = 0;
  for (uint64_t i = 0; i < count; i++) {
    DBusMessage *call = new_call("Never");
    must(dbus_message_append_args(call, DBUS_TYPE_UINT32, &nothing, DBUS_TYPE_INVALID), "append_args");
    send_call(call, DBUS_TIMEOUT_INFINITE);
  }
  dbus_connection_flush(connection);
}

static void fetch_large(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    DBusMessage *reply = blocking(new_call("Bytes"));
    const uint8_t *bytes;
    int length;
    must(dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, &length, DBUS_TYPE_INVALID),
         "get_args");
    must(length == (int)LARGE && bytes[LARGE - 1] == 7, "wrong reply");
    dbus_message_unref(reply);
  }
}

static DBusConnection *more[4096];
static size_t more_count;

static void connect_many(uint64_t count) {
  for (uint64_t i = 0; i < count && more_count < 4096; i++) more[more_count++] = open_connection();
}

static void disconnect_many(void) {
  while (more_count > 0) {
    dbus_connection_close(more[--more_count]);
    dbus_connection_unref(more[more_count]);
  }
}

static DBusHandlerResult on_call(DBusConnection *from, DBusMessage *call, void *data) {
  (void)data;
  uint32_t value;
  if (!dbus_message_is_method_call(call, INTERFACE, "Echo")) return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
  must(dbus_message_get_args(call, NULL, DBUS_TYPE_UINT32, &value, DBUS_TYPE_INVALID), "get_args");
  DBusMessage *reply = dbus_message_new_method_return(call);
  must(reply != NULL && dbus_message_append_args(reply, DBUS_TYPE_UINT32, &value, DBUS_TYPE_INVALID), "append_args");
  must(dbus_connection_send(from, reply, NULL), "send");
  dbus_message_unref(reply);
  return DBUS_HANDLER_RESULT_HANDLED;
}

static const DBusObjectPathVTable vtable = { .message_function = on_call };
static uint64_t exported, export_count;

static void export_one(const char *path) {
  must(dbus_connection_register_object_path(connection, path, &vtable, NULL), "register_object_path");
}

static void export_many(uint64_t count) {
  for (export_count = 0; export_count < count; export_count++) export_one(object_path(exported + export_count));
}

static void unexport_many(void) {
  for (uint64_t i = 0; i < export_count; i++) {
    must(dbus_connection_unregister_object_path(connection, object_path(exported + i)), "unregister_object_path");
  }
}

static DBusHandlerResult on_signal(DBusConnection *from, DBusMessage *signal, void *data) {
  (void)from, (void)data;
  uint32_t value;
  if (!dbus_message_is_signal(signal, INTERFACE, "Tick") || !dbus_message_has_path(signal, OBJECT_PATH)) {
    return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
  }
  must(dbus_message_get_args(signal, NULL, DBUS_TYPE_UINT32, &value, DBUS_TYPE_INVALID), "get_args");
  seen++;
  return DBUS_HANDLER_RESULT_HANDLED;
}

static void subscribe(void) {
  DBusError error = DBUS_ERROR_INIT;
  must(dbus_connection_add_filter(connection, on_signal, NULL, NULL), "add_filter");
  dbus_bus_add_match(connection, "type='signal',sender='" PARTNER_NAME "',path='" OBJECT_PATH "',interface='" INTERFACE
                                 "',member='Tick'", &error);
  if (dbus_error_is_set(&error)) die(error.message);
}

int main(int argc, char **argv) {
  if (argc != 5) die("usage: bus-libdbus KIND NUMBER SOCKET SENDER");
  const char *kind = argv[1];
  const uint64_t number = strtoull(argv[2], NULL, 10);
  snprintf(address, sizeof address, "unix:path=%s", argv[3]);
  connection = open_connection();
  Opened opened = { .events = events, .process = process };
  must(dbus_connection_get_unix_fd(connection, &opened.fd), "get_unix_fd");
  snprintf(opened.name, sizeof opened.name, "%s", dbus_bus_get_unique_name(connection));

  width = number;
  if (strcmp(kind, "call") == 0 || strcmp(kind, "rss") == 0) {
    opened.run = number == 1 ? call_blocking : call_many;
  } else if (strcmp(kind, "pending") == 0) {
    add_pending(number);
    width = 64;
    opened.run = call_many;
  } else if (strcmp(kind, "reply") == 0) {
    opened.run = fetch_large;
  } else if (strcmp(kind, "connect") == 0) {
    opened.run = connect_many;
    opened.undo = disconnect_many;
  } else if (strcmp(kind, "service") == 0) {
    export_one(OBJECT_PATH);
  } else if (strcmp(kind, "signal") == 0) {
    subscribe();
  } else if (strcmp(kind, "export") == 0) {
    for (uint64_t i = 0; i < number; i++) export_one(object_path(i));
    exported = number;
    opened.run = export_many;
    opened.undo = unexport_many;
  } else {
    nothing_for(kind); /* it finds no subscription by itself: every filter gets every signal */
  }
  serve(opened);
}
