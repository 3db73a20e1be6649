/* sd-bus as client and as service. With one call in flight it blocks in sd_bus_call; with more it is asynchronous. */
#include "bus.h"
#include <systemd/sd-bus.h>

static sd_bus *bus;
static char address[256];
static uint64_t width, sent, answered, total;

static void must(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "error: %s: %s\n", what, strerror(-result));
  exit(1);
}

static sd_bus *open_bus(void) {
  sd_bus *opened = NULL;
  const char *name;
  must(sd_bus_new(&opened), "new");
  must(sd_bus_set_address(opened, address), "set_address");
  must(sd_bus_set_bus_client(opened, 1), "set_bus_client");
  must(sd_bus_start(opened), "start");
  must(sd_bus_get_unique_name(opened, &name), "get_unique_name"); /* waits for Hello's reply */
  return opened;
}

static void process(void) {
  for (;;) {
    const int result = sd_bus_process(bus, NULL);
    must(result, "process");
    if (result == 0) return;
  }
}

static short events(void) { return (short)sd_bus_get_events(bus); }

static void call_blocking(uint64_t count) {
  for (uint32_t i = 0; i < count; i++) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    uint32_t value;
    must(sd_bus_call_method(bus, PARTNER_NAME, OBJECT_PATH, INTERFACE, "Echo", &error, &reply, "u", i), "call_method");
    must(sd_bus_message_read(reply, "u", &value), "read");
    if (value != i) die("wrong reply");
    sd_bus_message_unref(reply);
  }
}

static void send_one(void);

static int on_reply(sd_bus_message *reply, void *expected, sd_bus_error *error) {
  (void)error;
  uint32_t value;
  if (sd_bus_message_is_method_error(reply, NULL)) die("the call fails");
  must(sd_bus_message_read(reply, "u", &value), "read");
  if (value != (uint32_t)(uintptr_t)expected) die("wrong reply");
  answered++;
  if (sent < total) send_one();
  return 0;
}

static void send_one(void) {
  const uint32_t value = (uint32_t)sent++;
  must(sd_bus_call_method_async(bus, NULL, PARTNER_NAME, OBJECT_PATH, INTERFACE, "Echo", on_reply,
                                (void *)(uintptr_t)value, "u", value), "call_method_async");
}

static void call_many(uint64_t count) {
  sent = answered = 0;
  total = count;
  while (sent < width && sent < total) send_one();
  while (answered < total) {
    const int result = sd_bus_process(bus, NULL);
    must(result, "process");
    if (result == 0) must(sd_bus_wait(bus, UINT64_MAX), "wait");
  }
}

static int never(sd_bus_message *reply, void *data, sd_bus_error *error) {
  (void)reply, (void)data, (void)error;
  die("an answer that should not be");
  return 0;
}

static void add_pending(uint64_t count) {
  must(sd_bus_set_method_call_timeout(bus, 3600u * 1000000u), "set_method_call_timeout");
  for (uint64_t i = 0; i < count; i++) {
    must(sd_bus_call_method_async(bus, NULL, PARTNER_NAME, OBJECT_PATH, INTERFACE, "Never", never, NULL, "u", 0),
         "call_method_async");
    if (i % 64 == 63) must(sd_bus_flush(bus), "flush");
  }
}

static void fetch_large(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const void *bytes;
    size_t length;
    must(sd_bus_call_method(bus, PARTNER_NAME, OBJECT_PATH, INTERFACE, "Bytes", &error, &reply, ""), "call_method");
    must(sd_bus_message_read_array(reply, 'y', &bytes, &length), "read_array");
    if (length != LARGE || ((const uint8_t *)bytes)[LARGE - 1] != 7) die("wrong reply");
    sd_bus_message_unref(reply);
  }
}

static sd_bus *more[4096];
static size_t more_count;

static void connect_many(uint64_t count) {
  for (uint64_t i = 0; i < count && more_count < 4096; i++) more[more_count++] = open_bus();
}

static void disconnect_many(void) {
  while (more_count > 0) sd_bus_flush_close_unref(more[--more_count]);
}

static int echo(sd_bus_message *call, void *data, sd_bus_error *error) {
  (void)data, (void)error;
  uint32_t value;
  must(sd_bus_message_read(call, "u", &value), "read");
  return sd_bus_reply_method_return(call, "u", value);
}

static const sd_bus_vtable vtable[] = {
  SD_BUS_VTABLE_START(0),
  SD_BUS_METHOD("Echo", "u", "u", echo, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_VTABLE_END,
};

static uint64_t exported;
static sd_bus_slot *slots[4096];
static size_t slot_count;

static void export_many(uint64_t count) {
  for (uint64_t i = 0; i < count && slot_count < 4096; i++) {
    must(sd_bus_add_object_vtable(bus, &slots[slot_count++], object_path(exported + i), INTERFACE, vtable, NULL),
         "add_object_vtable");
  }
}

static void unexport_many(void) {
  while (slot_count > 0) sd_bus_slot_unref(slots[--slot_count]);
}

static int on_signal(sd_bus_message *signal, void *data, sd_bus_error *error) {
  (void)data, (void)error;
  uint32_t value;
  must(sd_bus_message_read(signal, "u", &value), "read");
  seen++;
  return 0;
}

static void subscribe(const char *sender, const char *path) {
  must(sd_bus_match_signal(bus, NULL, sender, path, INTERFACE, "Tick", on_signal, NULL), "match_signal");
}

int main(int argc, char **argv) {
  if (argc != 5) die("usage: bus-sd-bus KIND NUMBER SOCKET SENDER");
  const char *kind = argv[1], *sender = argv[4];
  const uint64_t number = strtoull(argv[2], NULL, 10);
  snprintf(address, sizeof address, "unix:path=%s", argv[3]);
  bus = open_bus();
  Opened opened = { .events = events, .process = process, .fd = sd_bus_get_fd(bus) };
  const char *name;
  must(sd_bus_get_unique_name(bus, &name), "get_unique_name");
  snprintf(opened.name, sizeof opened.name, "%s", name);

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
    must(sd_bus_add_object_vtable(bus, NULL, OBJECT_PATH, INTERFACE, vtable, NULL), "add_object_vtable");
  } else if (strcmp(kind, "signal") == 0) {
    subscribe(NULL, OBJECT_PATH); /* it compares the sender as it is written, and here that is a well-known name */
  } else if (strcmp(kind, "subscriptions") == 0) {
    for (uint64_t i = 0; i < number; i++) subscribe(sender, object_path(i));
  } else if (strcmp(kind, "export") == 0) {
    for (uint64_t i = 0; i < number; i++) {
      must(sd_bus_add_object_vtable(bus, NULL, object_path(i), INTERFACE, vtable, NULL), "add_object_vtable");
    }
    exported = number;
    opened.run = export_many;
    opened.undo = unexport_many;
  } else {
    nothing_for(kind);
  }
  serve(opened);
}
