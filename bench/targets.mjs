// The goals: for each case and direction, how many times a contestant's time ours may take at most.
export const TARGETS = {
  'quick enc': { 'dbus-native': 0.08, 'sd-bus': 1 },
  'quick dec': { 'dbus-native': 0.15, libdbus: 0.25 },
  'props enc': { 'dbus-native': 0.15, 'sd-bus': 0.6 },
  'props enc Map': { 'dbus-native': 0.15, 'sd-bus': 0.6 },
  'props dec': { 'dbus-native': 0.4, 'sd-bus': 0.8 },
  'structs enc': { 'sd-bus': 0.2 },
  'structs dec': { 'sd-bus': 0.2 },
  'managed enc': { 'sd-bus': 0.6 },
  'managed enc Map': { 'sd-bus': 0.6 },
  'managed dec': { 'sd-bus': 0.6 },
  'objects dec': { 'sd-bus': 1.2 },
  'bytes enc': { copy: 1.3 },
  'bytes dec': { copy: 1.3 },
  'strings enc': { 'sd-bus': 1 },
  'strings dec': { 'sd-bus': 0.6 },
  'doubles enc': { floor: 1.5, 'dbus-native': 0.2 },
  'doubles enc typed': { floor: 1.5, 'dbus-native': 0.2 },
  'doubles dec': { floor: 1.5, 'dbus-native': 0.2 },
  'doubles dec typed': { floor: 1.5 },
  'doubles dec big': { floor: 1.5 },
  'ints enc': { floor: 1.5, 'dbus-native': 0.2 },
  'ints enc typed': { floor: 1.5, 'dbus-native': 0.2 },
  'ints dec': { floor: 1.5, 'dbus-native': 0.2 },
  'ints dec typed': { floor: 1.5 },
  'ints dec big': { floor: 1.5 },
  'keys enc': { 'sd-bus': 2 },
};

/**
 * The goals on the bus, by case: `times` a contestant's time, `atMost` so many nanoseconds or bytes, or `flat`: at most
 * so many times what ours takes in another case, which is the same with less of something. The numbers under `atMost`
 * were measured on one machine and hold for the like.
 */
export const BUS_TARGETS = {
  'call 1': { times: { floor: 1.1 } },
  'call 64': { times: { floor: 1.1 } },
  'service 1': { times: { floor: 1.05 } },
  reply: { times: { floor: 1.5 } },
  connect: { times: { floor: 1.5 } },
  get: { atMost: 2_400 },
  set: { atMost: 2_300 },
  getAll: { atMost: 5_000 },
  method: { atMost: 2_200 },
  'subscriptions 1000': { atMost: 1_300, flat: { 'subscriptions 10': 1.5 } },
  'subscriptions 10000': { flat: { 'subscriptions 10': 1.5 } },
  'unmatched 1000': { atMost: 1_100, flat: { 'unmatched 10': 1.5 } },
  'unmatched 10000': { flat: { 'unmatched 10': 1.5 } },
  'objects 36000': { flat: { 'objects 1000': 1.5 } },
  'objects 100000': { flat: { 'objects 1000': 1.5 } },
  'pending 100000': { flat: { 'pending 100': 1.5 } },
  program: { atMost: 40_000_000 },
  rss: { atMost: 66_000_000 },
};

/** With 1,000 connections a signal may take so many times as long as with 10. */
export const MESSAGE_BUS_GROWTH = 2;

/** The goals of the message bus: how many times the processor time of another bus ours may take. */
export const MESSAGE_BUS_TARGETS = {
  'call 1': { 'dbus-daemon': 1.5 },
  'call 64': { 'dbus-daemon': 1 },
  'signal to 100': { 'dbus-daemon': 1 },
  'signal to 100, 16': { 'dbus-daemon': 1 },
};
