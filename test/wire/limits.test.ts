// The limits of the specification, when writing and when reading. And no peer can make memory or work grow with the
// sizes, depths, numbers or slowness of its messages. limits.heavy.test.ts reaches the limits of 64 and 128 MiB.
// Specification: Valid Signatures, Valid Names, Marshalling Containers, Message Format.
import { describe, expect, test, vi } from 'vitest';
import {
  decodeMessage, encodeMessage, FrameReader, InvalidNameError, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH,
  MAX_SIGNATURE_LENGTH, MAX_VALUE_DEPTH, type Message, MessageReader, methodCall, unmarshal, variant,
} from '../../src/wire/index.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { growthOf, MIB } from '../support/memory.js';
import { bytes, hex, marshalAny, marshalErrorOf, thrownBy, unmarshalAny, unmarshalErrorOf } from './support.js';

const CALL: Message = { ...methodCall({ path: '/a', member: 'B' }), serial: 1 };

const withParts = (parts: Readonly<Record<string, unknown>>): Message => ({ ...CALL, ...parts }) as Message;

/** An array of `length` zero bytes, with its length word. */
function zeros(length: number, alignment: number): Uint8Array {
  const written = new Uint8Array(Math.max(4, alignment) + length);
  new DataView(written.buffer).setUint32(0, length, true);
  return written;
}

describe('the constants', () => {
  test('the limits are the numbers of the specification', () => {
    expect([MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH, MAX_SIGNATURE_LENGTH, MAX_VALUE_DEPTH])
      .toEqual([67_108_864, 134_217_728, 255, 255, 64]);
  });
});

describe('announced lengths above the limit', () => {
  const arrays = ['ay', 'ai', 'ad', 'as', 'a(y)', 'a{sv}', 'aay', 'av', 'ag'];
  test.each(arrays)('%s above the limit is refused when reading', (signature) => {
    const longer = zeros(8, 8);
    for (const length of [MAX_ARRAY_LENGTH + 1, MAX_ARRAY_LENGTH + 8, 2 ** 31, 2 ** 32 - 1]) {
      new DataView(longer.buffer).setUint32(0, length, true);
      const error = unmarshalErrorOf(() => unmarshalAny(signature, longer));
      expect([error.code, error.offset, error.path]).toEqual(['ARRAY_TOO_LONG', 0, 'body[0]']);
    }
  });

  test('a message longer than 128 MiB is refused by its first 16 bytes', () => {
    const start = encodeMessage(withParts({ signature: 'ayay', body: [[], []] }));
    const longest = MAX_MESSAGE_LENGTH - (start.length - 8);
    const header = start.slice(0, 16);
    new DataView(header.buffer).setUint32(4, longest + 1, true);
    expect(unmarshalErrorOf(() => decodeMessage(header)).code).toBe('MESSAGE_TOO_LONG');
    const reader = new FrameReader();
    expect(reader.push(header)).toEqual([]);
    expect(reader.failure?.code).toBe('MESSAGE_TOO_LONG');
    new DataView(header.buffer).setUint32(4, longest, true);
    expect(new FrameReader().push(header)).toEqual([]);
    expect(unmarshalErrorOf(() => decodeMessage(header)).code).toBe('MESSAGE_TRUNCATED');
  });
});

describe('the depth of 64 containers', () => {
  const inVariants = (levels: number, signature: string, value: unknown): unknown => {
    let nested: unknown = { signature, value };
    for (let level = 1; level < levels; level++) nested = { signature: 'v', value: nested };
    return nested;
  };
  const inArrays = (levels: number, value: unknown): unknown => {
    let nested = value;
    for (let level = 0; level < levels; level++) nested = [nested];
    return nested;
  };
  const deepest = `${'a'.repeat(32)}${'('.repeat(32)}s${')'.repeat(32)}`;
  const deepDict = `${'a{y'.repeat(32)}s${'}'.repeat(32)}`;
  const inDicts = (levels: number, value: unknown): unknown => {
    let nested = value;
    for (let level = 0; level < levels; level++) nested = new Map([[1, nested]]);
    return nested;
  };

  type Deep = readonly [title: string, signature: string, value: unknown];
  const TAKEN: readonly Deep[] = [
    ['64 variants', 'v', inVariants(64, 's', 'x')],
    ['32 arrays of 32 structs', deepest, inArrays(64, 'x')],
    ['32 dicts, each with its entry', deepDict, inDicts(32, 'x')],
    ['32 arrays around 32 variants', `${'a'.repeat(32)}v`, inArrays(32, inVariants(32, 's', 'x'))],
    ['32 structs around 32 variants', `${'('.repeat(32)}v${')'.repeat(32)}`, inArrays(32, inVariants(32, 's', 'x'))],
    ['63 variants around an array', 'v', inVariants(63, 'as', ['x'])],
    ['62 variants around a struct in an array', 'v', inVariants(62, 'a(s)', [['x']])],
    ['62 variants around a dict', 'v', inVariants(62, 'a{ss}', new Map([['k', 'x']]))],
    // An empty array has no element that is too deep; the reference implementation accepts these too.
    ['64 variants around an empty array', 'v', inVariants(64, 'as', [])],
    ['64 variants around an empty dict', 'v', inVariants(64, 'a{sv}', new Map())],
    ['33 variants around 31 arrays, the last one empty', 'v', inVariants(33, `${'a'.repeat(32)}s`, inArrays(31, []))],
    ['a variant around 32 empty arrays', 'v', inVariants(40, deepest, [])],
    // The reference implementation does not count the elements of an array of a fixed-size type.
    ['64 variants around numbers', 'v', inVariants(64, 'au', [1, 2])],
  ];
  const REFUSED: readonly Deep[] = [
    ['65 variants', 'v', inVariants(65, 's', 'x')],
    ['65 variants around an empty array', 'v', inVariants(65, 'as', [])],
    ['64 variants around an array', 'v', inVariants(64, 'as', ['x'])],
    ['63 variants around a struct in an array', 'v', inVariants(63, 'a(y)', [[1]])],
    ['63 variants around a dict', 'v', inVariants(63, 'a{yy}', new Map([[1, 2]]))],
    ['64 variants around a struct', 'v', inVariants(64, '(s)', ['x'])],
    ['32 arrays around 33 variants', `${'a'.repeat(32)}v`, inArrays(32, inVariants(33, 's', 'x'))],
    ['a variant around 32 arrays of 32 structs', 'v', inVariants(1, deepest, inArrays(64, 'x'))],
    ['a struct around the deepest array', `(${'a'.repeat(32)}${'('.repeat(31)}v${')'.repeat(31)})`,
      inArrays(64, inVariants(1, 's', 'x'))],
  ];

  test.each(TAKEN)('%s are written and read', (_, signature, value) => {
    for (const byteOrder of ['little', 'big'] as const) {
      const written = marshalAny(signature, [value], byteOrder);
      expect(unmarshalAny(signature, written, byteOrder)).toEqual([value]);
    }
    expect(decodeMessage(encodeMessage(withParts({ signature, body: [value] }))).body).toEqual([value]);
  });

  test.each(REFUSED)('%s are refused when writing', (_, signature, value) => {
    expect(marshalErrorOf(() => marshalAny(signature, [value])).code).toBe('VALUE_TOO_DEEP');
    expect(marshalErrorOf(() => encodeMessage(withParts({ signature, body: [value] }))).code).toBe('VALUE_TOO_DEEP');
  });

  /** Bytes of nested variants around a value. */
  const variantsAround = (levels: number, innermost: string): Uint8Array =>
    bytes('017600'.repeat(levels - 1) + innermost);

  test.each([
    ['64 variants', variantsAround(64, '017900 07'), true],
    ['65 variants', variantsAround(65, '017900 07'), false],
    ['64 variants around an empty array', variantsAround(64, '02617300 000000 00000000'), true],
    ['65 variants around an empty array', variantsAround(65, '02617300 00000000'), false],
    ['60,000 variants', variantsAround(60_000, '017900 07'), false],
    ['a million variants', variantsAround(1e6, '017900 07'), false],
  ])('received bytes of %s are read only within the limit', (_, body, isTaken) => {
    if (isTaken) {
      expect(unmarshal('v', body)).toHaveLength(1);
    } else {
      const error = unmarshalErrorOf(() => unmarshal('v', body));
      expect([error.code, error.path.length < 100]).toEqual(['VALUE_TOO_DEEP', true]);
    }
  });

  test('the variant of a header field is inside two containers already: the array of fields and a struct', () => {
    const field = (levels: number): Message =>
      withParts({ unknownFields: [{ code: 42, value: inVariants(levels, 'y', 1) }] });
    expect(decodeMessage(encodeMessage(field(62)))).toEqual(field(62));
    const error = marshalErrorOf(() => encodeMessage(field(63)));
    expect([error.code, error.path]).toEqual(['VALUE_TOO_DEEP', 'header.42']);
  });

  test('values that contain themselves are refused', () => {
    const own: { signature: string; value: unknown } = { signature: 'v', value: undefined };
    own.value = own;
    const list: unknown[] = [];
    const wide = { signature: 'av', value: list };
    list.push(wide, wide, wide);
    const map = new Map<string, unknown>();
    map.set('self', { signature: 'a{sv}', value: map });
    const object: Record<string, unknown> = {};
    object['self'] = { signature: 'a{sv}', value: object };
    const struct: unknown[] = [];
    struct.push({ signature: '(v)', value: struct });
    for (const [signature, value] of [
      ['v', own], ['av', list], ['v', wide], ['a{sv}', map], ['a{sv}', object], ['(v)', struct], ['aav', [list, list]],
    ] as const) {
      const error = marshalErrorOf(() => marshalAny(signature, [value]));
      expect(error.code).toBe('VALUE_TOO_DEEP');
      expect(error.path.length).toBeLessThan(1000);
    }
  });

  test('60,000 nested variants are refused when writing', () => {
    const error = marshalErrorOf(() => marshalAny('v', [inVariants(60_000, 's', 'x')]));
    expect(error.code).toBe('VALUE_TOO_DEEP');
  });
});

describe('signatures and names of 255 bytes', () => {
  test('signatures of 255 bytes are accepted, and longer ones refused', () => {
    const values = new Array<number>(255).fill(1);
    const most = 'y'.repeat(255);
    const message = withParts({ signature: most, body: values });
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
    expect(unmarshal('g', marshalAny('g', [most]))).toEqual([most]);
    const struct = `(${'y'.repeat(253)})`;
    expect(unmarshal('v', marshalAny('v', [{ signature: struct, value: values.slice(2) }]))[0].signature).toBe(struct);
    for (const [signature, body] of [
      [`${most}y`, [...values, 1]], ['g', [`${most}y`]], ['v', [{ signature: `(${'y'.repeat(254)})`, value: values }]],
    ] as const) {
      const error = marshalErrorOf(() => marshalAny(signature, body));
      expect([error.code, error.path]).toEqual(['SIGNATURE_INVALID', signature.length > 255 ? 'body' : 'body[0]']);
    }
  });

  test('names of 255 bytes are written and read, and longer ones are refused', () => {
    const start = { interface: 'a.b', member: 'b', errorName: 'a.b', destination: ':1.2', sender: 'a.b' };
    for (const [key, name] of Object.entries(start)) {
      const message = withParts({ ...start, [key]: name.padEnd(255, 'x') });
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
      const longer = name.padEnd(256, 'x');
      expect(thrownBy(() => encodeMessage(withParts({ ...start, [key]: longer })))).toBeInstanceOf(InvalidNameError);
    }
  });

  test('names of 256 bytes are refused when reading', () => {
    const codes = { INTERFACE: 2, MEMBER: 3, ERROR_NAME: 4, DESTINATION: 6, SENDER: 7 };
    for (const [name, code] of Object.entries(codes)) {
      for (const [length, isTaken] of [[255, true], [256, false]] as const) {
        const text = (code === 3 ? 'b' : 'a.b').padEnd(length, 'x');
        const fields = Buffer.concat([bytes(`0${code} 01 73 00 00000000`), Buffer.from(text), Buffer.alloc(1)]);
        fields.writeUInt32LE(length, 4);
        const message = Buffer.concat([
          bytes('6c c8 00 01 00000000 01000000 00000000'), fields, Buffer.alloc(-fields.length & 7),
        ]);
        message.writeUInt32LE(fields.length, 12);
        if (isTaken) decodeMessage(message);
        else expect(unmarshalErrorOf(() => decodeMessage(message)).code).toBe(`${name}_INVALID`);
      }
    }
  });

  test('object paths can be longer', () => {
    const path = '/abcdefg'.repeat(20_000);
    const message = withParts({ path, signature: 'o', body: [path] });
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test('a() is refused as a signature, when writing and when reading', () => {
    expect(marshalErrorOf(() => marshalAny('a()', [[]])).code).toBe('SIGNATURE_INVALID');
    expect(marshalErrorOf(() => marshalAny('v', [{ signature: 'a()', value: [] }])).code).toBe('SIGNATURE_INVALID');
    const error = unmarshalErrorOf(() => unmarshal('v', bytes('03 612829 00 000000 00000000 00000000')));
    expect(error.code).toBe('SIGNATURE_STRUCT_EMPTY');
  });
});

/* Memory and work ------------------------------------------------------------------------------------------------ */

describe('memory', () => {
  test('an announced length alone allocates nothing', () => {
    const start = bytes('6c 01 00 01 00000000 01000000 10000000');
    new DataView(start.buffer).setUint32(4, MAX_MESSAGE_LENGTH - 32, true);
    const growth = growthOf(() => {
      const readers = Array.from({ length: extent(100, 1000) }, () => {
        const reader = new MessageReader();
        for (let i = 0; i < 16; i++) reader.push(start.subarray(i, i + 1));
        reader.push(new Uint8Array(100));
        return reader;
      });
      expect(readers.every(({ isInsideMessage }) => isInsideMessage)).toBe(true);
      return readers;
    });
    expect(growth).toBeLessThan(4);
  });

  test('a partial message uses at most about twice the bytes received', () => {
    const start = bytes('6c 01 00 01 00000000 01000000 10000000');
    new DataView(start.buffer).setUint32(4, MAX_MESSAGE_LENGTH - 32, true);
    const growth = growthOf(() => {
      const reader = new MessageReader();
      reader.push(start);
      for (let came = 0; came < 5 * MIB; came += 4096) reader.push(new Uint8Array(4096));
      return reader;
    });
    expect(growth).toBeGreaterThan(4.5);
    expect(growth).toBeLessThan(12);
  });

  test('a reader that has failed keeps no bytes', () => {
    const broken = encodeMessage(withParts({ signature: 'b', body: [true] })).slice();
    broken[3] = 2;
    const half = (): Uint8Array =>
      encodeMessage(withParts({ signature: 'ay', body: [new Uint8Array(8 * MIB)] })).subarray(0, 4 * MIB);
    const growth = growthOf(() => {
      const reader = new MessageReader();
      expect(reader.push(Buffer.concat([broken, half()]))).toEqual([]);
      expect(reader.failure?.code).toBe('VERSION_UNSUPPORTED');
      return reader;
    });
    expect(growth).toBeLessThan(1);
  });

  heavyTest('memory is flat if every message has another long path', () => {
    const growth = growthOf(() => {
      for (let i = 0; i < 100; i++) {
        const path = `/${i}${'x'.repeat(100_000)}`;
        const message = withParts({ path, signature: 'oa{ov}', body: [path, { [path]: variant('o', path) }] });
        decodeMessage(encodeMessage(message));
      }
    });
    expect(growth).toBeLessThan(4);
  });

  // Small values take more memory than they take bytes on the wire; the factor must have a bound.
  const LENGTH = extent(MIB / 4, MIB);
  test.each(some([
    ['aay', 4, '00000000', 0],
    ['aay', 4, '0100000007000000', 3],
    ['aas', 4, '00000000', 0],
    ['aau', 4, '00000000', 0],
    ['aa{yy}', 4, '0000000000000000', 4],
    ['ag', 4, '0000', 0],
    ['av', 4, '01790007', 0],
    ['a(y)', 8, '0700000000000000', 7],
    ['a(v)', 8, '0179000700000000', 4],
    ['a{yv}', 8, '0701790007000000', 3],
  ] as const, 6))('an %s of the smallest elements (%#) uses at most 32 times its bytes', (signature, start, digits, trailing) => {
    const element = bytes(digits);
    const written = new Uint8Array(start + LENGTH - trailing); // no padding follows the last element
    for (let at = start; at < written.length; at++) written[at] = element[(at - start) % element.length]!;
    new DataView(written.buffer).setUint32(0, written.length - start, true);
    let elements = 0;
    const growth = growthOf(() => {
      const [read] = unmarshalAny(signature, written);
      elements = read instanceof Map ? read.size : (read as unknown[]).length;
      return read;
    });
    expect(elements).toBe(signature === 'a{yv}' ? 1 : Math.ceil((LENGTH - trailing) / element.length));
    expect(growth).toBeLessThan(32 * LENGTH / MIB);
  });
});

describe('work', () => {
  const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array; // the prototype of all typed arrays

  /** Bytes copied by `set` while a message of `length` bytes is read one byte at a time. */
  function copiedBytes(length: number): number {
    const stream = encodeMessage(withParts({ signature: 'ay', body: [new Uint8Array(length)] }));
    let copied = 0;
    const { set } = TypedArray;
    const spy = vi.spyOn(TypedArray, 'set').mockImplementation(function (this: Uint8Array, source, offset) {
      copied += source.length;
      set.call(this, source, offset);
    });
    try {
      const reader = new FrameReader();
      let frames = 0;
      for (let i = 0; i < stream.length; i++) frames += reader.push(stream.subarray(i, i + 1)).length;
      expect(frames).toBe(1);
    } finally {
      spy.mockRestore();
    }
    return copied / stream.length;
  }

  test('a message that arrives byte by byte is copied a few times at most, whatever its length', () => {
    for (const length of extent([1000, 10_000], [1000, 10_000, 100_000])) {
      const copied = copiedBytes(length);
      expect(copied).toBeGreaterThanOrEqual(1); // this counts what the reader copies
      expect(copied).toBeLessThan(4);
    }
  });

  test('many small messages are read byte by byte', () => {
    const small = encodeMessage(withParts({ signature: 's', body: ['x'] })).slice();
    const reader = new MessageReader();
    let count = 0;
    const rounds = extent(200, 3000);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < small.length; i++) count += reader.push(small.subarray(i, i + 1)).length;
    }
    expect(count).toBe(rounds);
  });

  test('a header with thousands of unknown fields is read and written', () => {
    const number = extent(2 ** 12, 2 ** 17);
    const message = Buffer.alloc(16 + 8 * number);
    bytes('6c c8 00 01 00000000 01000000 00000000').forEach((byte, i) => (message[i] = byte));
    message.writeUInt32LE(8 * number - 3, 12);
    for (let i = 0; i < number; i++) message.set([11 + (i % 200), 1, 0x79, 0, i & 0xff], 16 + 8 * i);
    const read = decodeMessage(message);
    expect(read.unknownFields).toHaveLength(number);
    expect(read.unknownFields[number - 1]).toEqual({ code: 11 + ((number - 1) % 200), value: variant('y', 0xff) });
    expect(Buffer.compare(encodeMessage(read), message)).toBe(0);
    message[16 + 8 * (number - 1)] = 0;
    expect(unmarshalErrorOf(() => decodeMessage(message)).code).toBe('FIELD_CODE_INVALID');
  });

  test('types with many fields, in empty arrays or with padding, are read and written', () => {
    const wide = `a{s(${'a{sv}'.repeat(40)})}`;
    expect(unmarshalAny(wide, zeros(0, 8))[0]).toEqual(new Map());
    const structs = `a(${'(y)'.repeat(80)})`;
    const element = Array.from({ length: 80 }, () => [1]);
    const written = marshalAny(structs, [Array.from({ length: 100 }, () => element)]);
    expect(hex(marshalAny(structs, unmarshalAny(structs, written)))).toBe(hex(written));
  });
});
