// The messages that are measured. Values are spelt as this product decodes them: Map, { signature, value }, Uint8Array.
// Everything is made from a fixed seed, so that every run measures the same bytes.

/** A small pseudo-random generator (xorshift32): numbers from 0 to 2^32−1, the same ones in every run. */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const v = (signature, value) => ({ signature, value });

const call = (member, signature, body) => ({
  type: 'method_call',
  path: '/com/larry_price/test/RandomData',
  interface: 'com.larry_price.test.RandomData',
  member,
  destination: 'com.larry-price.test',
  /** Who sent it, in the bytes that are decoded: a bus writes that. */
  sender: ':1.42',
  signature,
  body,
});

function props() {
  return {
    type: 'signal',
    path: '/org/freedesktop/NetworkManager/Devices/3',
    interface: 'org.freedesktop.DBus.Properties',
    member: 'PropertiesChanged',
    sender: ':1.7',
    signature: 'sa{sv}as',
    body: [
      'org.freedesktop.NetworkManager.Device.Wireless',
      new Map([
        ['HwAddress', v('s', '9C:B6:D0:1E:7A:42')],
        ['Bitrate', v('u', 866_700)],
        ['Powered', v('b', true)],
        ['SignalLevel', v('d', -52.5)],
        ['LastScan', v('x', 184_467_440_737n)],
        ['AccessPoints', v('as', ['ap-kitchen', 'ap-garden', 'ap-second-floor'])],
        ['Ssid', v('ay', Uint8Array.from('example-network', (c) => c.charCodeAt(0)))],
        ['ActiveAccessPoint', v('o', '/org/freedesktop/NetworkManager/AccessPoint/17')],
        ['Range', v('(ii)', [2412, 5825])],
        ['Name', v('s', 'wlan0')],
      ]),
      ['WirelessCapabilities', 'Statistics'],
    ],
  };
}

function structs() {
  const random = generator(0x51ed270b);
  const rows = Array.from({ length: 4000 }, () => [random() | 0, random() | 0, random()]);
  return call('structs', 'a(iiu)', [rows]);
}

const UUIDS = ['00001800', '00001801', '0000180a', '0000180f', '0000110b', '0000111e'].map(
  (head) => `${head}-0000-1000-8000-00805f9b34fb`,
);

/** The reply of a Bluetooth daemon to GetManagedObjects: one adapter and this many devices around it. */
function managed(devices) {
  const random = generator(0x2545f491);
  const octet = () => (random() & 0xff).toString(16).toUpperCase().padStart(2, '0');
  const adapter = '/org/bluez/hci0';
  const common = [
    ['org.freedesktop.DBus.Introspectable', new Map()],
    ['org.freedesktop.DBus.Properties', new Map()],
  ];
  const objects = new Map([
    [adapter, new Map([
      ['org.bluez.Adapter1', new Map([
        ['Address', v('s', '00:1A:7D:DA:71:13')],
        ['Name', v('s', 'workstation')],
        ['Class', v('u', 0x1c010c)],
        ['Powered', v('b', true)],
        ['Discovering', v('b', false)],
        ['UUIDs', v('as', UUIDS)],
      ])],
      ...common,
    ])],
  ]);
  for (let i = 0; i < devices; i++) {
    const address = Array.from({ length: 6 }, octet).join(':');
    const rssi = -40 - (random() % 50);
    const device = new Map([
      ['Address', v('s', address)],
      ['AddressType', v('s', i % 3 === 0 ? 'public' : 'random')],
      ['Name', v('s', `Sensor ${i}`)],
      ['Alias', v('s', `Sensor ${i} in room ${random() % 90}`)],
      ['Class', v('u', random() & 0xffffff)],
      ['Icon', v('s', 'audio-headset')],
      ['Paired', v('b', i % 2 === 0)],
      ['Trusted', v('b', i % 4 === 0)],
      ['Blocked', v('b', false)],
      ['LegacyPairing', v('b', false)],
      ['RSSI', v('n', rssi)],
      ['Connected', v('b', i % 5 === 0)],
      ['UUIDs', v('as', UUIDS.slice(0, 1 + (i % UUIDS.length)))],
      ['Adapter', v('o', adapter)],
      ['ServiceData', v('a{sv}', new Map([[UUIDS[3], v('ay', Uint8Array.from([random() & 0xff, 0x64, 0x01]))]]))],
      ['ServicesResolved', v('b', i % 5 === 0)],
    ]);
    objects.set(`${adapter}/dev_${address.replaceAll(':', '_')}`, new Map([
      ['org.bluez.Device1', device],
      ['org.bluez.Battery1', new Map([['Percentage', v('y', random() % 101)]])],
      ...common,
    ]));
  }
  return {
    type: 'method_return',
    replySerial: 21,
    destination: ':1.42',
    sender: ':1.5',
    signature: 'a{oa{sa{sv}}}',
    body: [objects],
  };
}

function bytes() {
  const random = generator(0x9e3779b9);
  return call('bytes', 'ay', [Uint8Array.from({ length: 1 << 20 }, () => random() & 0xff)]);
}

function strings() {
  const random = generator(0x7f4a7c15);
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./ ';
  const text = () => Array.from({ length: 8 + (random() % 23) }, () => letters[random() % letters.length]).join('');
  return call('strings', 'as', [Array.from({ length: 1000 }, text)]);
}

const COUNT = 100_000;

function doubles() {
  const random = generator(0x6c078965);
  return call('doubles', 'ad', [Array.from({ length: COUNT }, () => (random() - 2 ** 31) / 1024)]);
}

function ints() {
  const random = generator(0x1b873593);
  return call('ints', 'ai', [Array.from({ length: COUNT }, () => random() | 0)]);
}

const SIGNATURES = 2000;
const ZERO = { y: 0, b: false, n: 0, q: 0, i: 0, u: 0, x: 0n, t: 0n, d: 0, s: '', o: '/', g: '' };

/** More signatures than ours keeps: each is new when it is read. */
function signatures() {
  const random = generator(0x5bd1e995);
  const codes = Object.keys(ZERO);
  const fields = new Set();
  while (fields.size < SIGNATURES) {
    fields.add(Array.from({ length: 5 + (random() % 4) }, () => codes[random() % codes.length]).join(''));
  }
  const values = Array.from(fields, (text) => v(`(${text})`, Array.from(text, (code) => ZERO[code])));
  return call('signatures', 'av', [values]);
}

/** A dict of many short keys, as a program that keeps its data in an object sends it. */
function keys() {
  const random = generator(0x3c6ef372);
  const dict = new Map();
  while (dict.size < COUNT) dict.set(`key${random().toString(36)}`, random() | 0);
  return call('keys', 'a{si}', [dict]);
}

function reply() {
  return {
    type: 'method_return',
    replySerial: 21,
    destination: ':1.42',
    sender: ':1.5',
    signature: 'i',
    body: [42],
  };
}

const PLAIN = ['enc', 'dec'];
/** `enc Map`: dicts are given as Map and not as plain objects, which only ours takes. */
const WITH_MAP = ['enc', 'enc Map', 'dec'];
/**
 * `typed`: the array is given or returned as a typed array; the C libraries have no other. `dec big`: it is read from a
 * big-endian message as a typed array.
 */
const WITH_TYPED = ['enc', 'enc typed', 'dec', 'dec typed', 'dec big'];

/** Name, what it measures, directions, and the message. */
export const CASES = [
  { name: 'quick', title: 'a method call with one INT32', directions: PLAIN, make: () => call('quick', 'i', [42]) },
  { name: 'reply', title: 'a reply with one INT32', directions: PLAIN, make: reply },
  { name: 'props', title: 'PropertiesChanged with 10 mixed entries', directions: WITH_MAP, make: props },
  { name: 'structs', title: 'a(iiu) of 4,000', directions: PLAIN, make: structs },
  { name: 'managed', title: 'a{oa{sa{sv}}} of about 50 KB', directions: WITH_MAP, make: () => managed(54) },
  { name: 'objects', title: 'a{oa{sa{sv}}} of about 5 MB', directions: WITH_MAP, make: () => managed(5400) },
  { name: 'bytes', title: 'ay of 1 MiB', directions: PLAIN, make: bytes },
  { name: 'strings', title: 'as of 1,000 ASCII strings of 8 to 30 characters', directions: PLAIN, make: strings },
  { name: 'doubles', title: 'ad of 100,000', directions: WITH_TYPED, make: doubles },
  { name: 'ints', title: 'ai of 100,000', directions: WITH_TYPED, make: ints },
  { name: 'keys', title: 'a{si} of 100,000 entries', directions: WITH_MAP, make: keys },
  { name: 'signatures', title: 'av of 2,000 structs, each of another signature', directions: PLAIN, make: signatures },
];

/** The serial that every message is given. */
export const SERIAL = 7;

/** The typed arrays that stand for arrays of a type. */
export const TYPED_ARRAY = { ad: Float64Array, ai: Int32Array };
