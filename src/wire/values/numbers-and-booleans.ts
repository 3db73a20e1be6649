// The fixed-size types, one value at a time: the range of each, how it is written and how it is read.
// A FixedCodec does not align, and does not check that the bytes exist: its callers do both first.
// Specification: Marshalling Basic Types. Tests: marshal.test.ts, unmarshal.test.ts.
import { describe } from '../describe.js';
import type { MarshalErrorCode, UnmarshalErrorCode } from '../errors.js';
import { Fault, mismatch, unixFdFault } from './fault.js';
import type { Check, Reader, Unmarshal } from './reader.js';
import { FIXED_SIZE, type FixedType, type FixedTypeCode, oncePerCode } from '../signature.js';
import type { Marshal, Writer } from './writer.js';

/** How values of one fixed-size type are written and read. */
export interface FixedCodec {
  /** Checks a value and writes it at `offset`. @throws {Fault} if it is not a value of the type */
  readonly write: (writer: Writer, offset: number, value: unknown) => void;
  /** Reads the value at `offset`. @throws {Fault} if the bytes are not a value of the type */
  readonly read: (reader: Reader, offset: number) => unknown;
}

function outOfRange(type: string, range: string, value: unknown): Fault<MarshalErrorCode> {
  return new Fault('VALUE_OUT_OF_RANGE', `expected an integer from ${range} (${type}), got ${describe(value)}`);
}

function notAnInteger(type: string, range: string, value: unknown): Fault<MarshalErrorCode> {
  return typeof value === 'number' ? outOfRange(type, range, value) : mismatch(`an integer number (${type})`, value);
}

const byte: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value & 0xff) !== value) throw notAnInteger('BYTE', '0 to 255', value);
    writer.bytes[offset] = value;
  },
  read: (reader, offset) => reader.bytes[offset],
};

const boolean: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'boolean') throw mismatch('true or false (BOOLEAN)', value);
    writer.view.setUint32(offset, value ? 1 : 0, writer.littleEndian);
  },
  read: (reader, offset) => {
    const bits = reader.uint32At(offset);
    if (bits > 1) throw booleanFault(bits, offset);
    return bits === 1;
  },
};

function booleanFault(bits: number, offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('BOOLEAN_INVALID', `expected 0 or 1 (BOOLEAN), got ${bits}`, { offset });
}

const int16: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value << 16) >> 16 !== value) {
      throw notAnInteger('INT16', '-32768 to 32767', value);
    }
    writer.view.setInt16(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => (reader.uint16At(offset) << 16) >> 16,
};

const uint16: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value & 0xffff) !== value) throw notAnInteger('UINT16', '0 to 65535', value);
    writer.view.setUint16(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint16At(offset),
};

const int32: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value | 0) !== value) throw notAnInteger('INT32', '-2^31 to 2^31-1', value);
    writer.view.setInt32(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint32At(offset) | 0,
};

const uint32Codec = (name: string): FixedCodec => ({
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || value >>> 0 !== value) throw notAnInteger(name, '0 to 2^32-1', value);
    writer.view.setUint32(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint32At(offset),
});

/** Converts an INT64 or UINT64 to a bigint. It fits if BigInt's own `wrap` to 64 bits does not change it. */
function toBigInt(
  value: unknown,
  type: { name: string; range: string; wrap: (bits: number, value: bigint) => bigint },
): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
    throw mismatch(`a bigint, or a number that is a safe integer (${type.name})`, value);
  }
  const integer = BigInt(value as bigint | number); // checked by the line above
  if (type.wrap(64, integer) !== integer) throw outOfRange(type.name, type.range, integer);
  return integer;
}

const INT64 = { name: 'INT64', range: '-2^63 to 2^63-1', wrap: BigInt.asIntN };
const UINT64 = { name: 'UINT64', range: '0 to 2^64-1', wrap: BigInt.asUintN };

const int64: FixedCodec = {
  write: (writer, offset, value) => writer.view.setBigInt64(offset, toBigInt(value, INT64), writer.littleEndian),
  read: (reader, offset) => reader.view.getBigInt64(offset, reader.littleEndian),
};

const uint64: FixedCodec = {
  write: (writer, offset, value) => writer.view.setBigUint64(offset, toBigInt(value, UINT64), writer.littleEndian),
  read: (reader, offset) => reader.view.getBigUint64(offset, reader.littleEndian),
};

const double: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number') throw mismatch('a number (DOUBLE)', value);
    writer.view.setFloat64(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.view.getFloat64(offset, reader.littleEndian),
};

const unixFdIndex = uint32Codec('UNIX_FD, an index');

const unixFd: FixedCodec = {
  write: (writer, offset, value) => {
    if (!writer.allowsUnixFds) throw unixFdFault();
    unixFdIndex.write(writer, offset, value);
  },
  read: unixFdIndex.read,
};

/** How each fixed-size type is written and read, by its type code. */
export const FIXED_CODEC: Readonly<Record<FixedTypeCode, FixedCodec>> = {
  y: byte,
  b: boolean,
  n: int16,
  q: uint16,
  i: int32,
  u: uint32Codec('UINT32'),
  x: int64,
  t: uint64,
  d: double,
  h: unixFd,
};

/** Compiles the writer of one value of a fixed-size type. */
export function compileMarshalFixed({ code }: FixedType): Marshal {
  const size = FIXED_SIZE[code];
  const { write } = FIXED_CODEC[code];
  return (writer, value) => {
    writer.align(size, size);
    write(writer, writer.offset, value);
    writer.offset += size;
  };
}

/** The reader of one value of a fixed-size type. */
export const compileUnmarshalFixed = oncePerCode((code): Unmarshal => {
  const size = FIXED_SIZE[code];
  const { read } = FIXED_CODEC[code];
  return (reader) => {
    reader.align(size, size);
    const value = read(reader, reader.offset);
    reader.offset += size;
    return value;
  };
});

/** The check of one value of a fixed-size type. */
export const compileCheckFixed = oncePerCode((code): Check => {
  const size = FIXED_SIZE[code];
  const isBoolean = code === 'b';
  return (reader) => {
    reader.align(size, size);
    if (isBoolean) boolean.read(reader, reader.offset);
    reader.offset += size;
  };
});
