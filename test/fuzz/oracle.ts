// The rules that the wire layer must keep for any bytes and values. Each function throws a Finding if a rule is broken.
// The reference reader decides which bytes are valid, and their meaning.

import {
  checkBody, decodeBody, decodeHeader, decodeMessage, dissect, encodeMessage, formatDissection, FrameReader,
  type InvalidMessage, InvalidNameError, isBusName, MarshalError, marshal, type Message, type MessageHeader,
  MessageReader, readdress, SignatureError, splitSignature, UnmarshalError, unmarshal,
} from '../../src/wire/index.js';
import { OwnError } from './generate.js';
import type { Random } from './random.js';
import {
  referenceDecode, referenceFrames, type ReferenceMessage, referenceUnmarshal, Refused, type Span, swapBytes,
} from './reference.js';

/** A rule that the wire layer broke. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

type Outcome<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: unknown };

function attempt<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

function check(holds: boolean, finding: string, cause?: unknown): asserts holds {
  if (!holds) throw new Finding(finding, { cause });
}

/* Equality ------------------------------------------------------------------------------------------------------- */

/** Whether two values are equal, except for the bits of NaN. The order of a map's entries counts. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a.constructor === b.constructor && Buffer.compare(a as Uint8Array, b as Uint8Array) === 0;
  }
  if (a instanceof Map || b instanceof Map) {
    if (!(a instanceof Map) || !(b instanceof Map)) return false;
    return isSame([...a as Map<unknown, unknown>], [...b as Map<unknown, unknown>]);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => isSame(item, (b as unknown[])[index]));
  }
  const keys = Object.keys(a);
  if (keys.join() !== Object.keys(b).join()) return false;
  return keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

const hasNaN = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isNaN(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return (value instanceof Map ? [...value as Map<unknown, unknown>].flat() : Object.values(value)).some(hasNaN);
};

/* Errors --------------------------------------------------------------------------------------------------------- */

/** How often each error code occurred: a fuzzer that never reaches a rule does not test it. */
export const seenCodes = new Map<string, number>();

function checkUnmarshalError(error: unknown, length: number, what: string): asserts error is UnmarshalError {
  check(error instanceof UnmarshalError, `${what}: threw something else than an UnmarshalError`, error);
  check(/^[A-Z][A-Z0-9_]+$/.test(error.code), `${what}: the code "${error.code}"`, error);
  check(error.message.length > 0 && error.message.length < 5000, `${what}: the length of the message`, error);
  const isWithin = Number.isInteger(error.offset) && error.offset >= 0 && error.offset <= length;
  check(isWithin, `${what}: offset ${error.offset} in ${length} bytes`, error);
  check(/^(|header(\.\w+)?|body)(\[.*\])*$/s.test(error.path), `${what}: the path "${error.path}"`, error);
  seenCodes.set(error.code, (seenCodes.get(error.code) ?? 0) + 1);
}

function checkEncodingError(error: unknown, what: string): void {
  if (error instanceof OwnError) return;
  const isOurs = error instanceof MarshalError || error instanceof InvalidNameError || error instanceof SignatureError;
  check(isOurs, `${what}: threw something that is not documented`, error);
  check(typeof error.code === 'string' && error.message.length < 5000, `${what}: code and message`, error);
  seenCodes.set(`encode ${error.code}`, (seenCodes.get(`encode ${error.code}`) ?? 0) + 1);
}

/* Messages ------------------------------------------------------------------------------------------------------- */

/** Unique names that are accepted when received, as libdbus does, but that the grammar forbids to send. */
function hasOddName({ destination, sender }: Message): boolean {
  return [destination, sender].some((name) => name !== undefined && !isBusName(name));
}

function checkFixedPoint(message: Message): void {
  const encoded = attempt(() => encodeMessage(message));
  if (encoded.error !== undefined) {
    check(hasOddName(message) && encoded.error instanceof InvalidNameError, 'not encoded again', encoded.error);
    return;
  }
  const bytes = encoded.value!.slice(); // it has a value: it has no error
  check(isSame(decodeMessage(bytes), message), 'decode → encode → decode is another message');
  check(isSame(referenceDecode(bytes), message), 'encoded again, the reference reads another message');
  const again = encodeMessage(decodeMessage(bytes));
  check(hasNaN(message) || Buffer.compare(again, bytes) === 0, 'decode → encode is no fixed point');
  const byteOrder = message.byteOrder === 'little' ? 'big' : 'little';
  const twin = decodeMessage(encodeMessage(message, { byteOrder }));
  check(isSame(twin, { ...message, byteOrder }), 'encoded in the other byte order, it is another message');
}

function checkHeader(bytes: Uint8Array, message: Outcome<Message>): void {
  const header = attempt(() => decodeHeader(bytes));
  if (header.error !== undefined) {
    checkUnmarshalError(header.error, bytes.length, 'decodeHeader');
    check(message.error instanceof UnmarshalError, 'decodeHeader refuses what decodeMessage takes', header.error);
    const same = message.error.code === header.error.code && message.error.offset === header.error.offset;
    check(same, 'decodeHeader and decodeMessage refuse for different reasons', header.error);
    return;
  }
  check(!('body' in header.value!), 'decodeHeader yields a body');
  const twoSteps = attempt(() => decodeBody(header.value!, bytes));
  checkSameFailure(twoSteps.error, message.error);
  check(isSame(twoSteps.value, message.value), 'decodeBody after decodeHeader yields another message');
  if (message.error === undefined) {
    check(isSame({ ...header.value, body: message.value!.body }, message.value), 'decodeHeader yields another header');
  }
}

/** The body checked without values, decoded in a second step, with a budget, and with typed arrays. */
function checkSecondStep(bytes: Uint8Array, message: Outcome<Message>): void {
  const header = attempt(() => decodeHeader(bytes));
  if (header.error !== undefined) return;
  const checked = attempt(() => checkBody(header.value!, bytes));
  const decoded = attempt(() => decodeBody(header.value!, bytes));
  check(isSame(decoded.value, message.value), 'decodeBody and decodeMessage yield different messages');
  checkSameFailure(decoded.error, message.error, 'decodeBody and decodeMessage');
  const isLimit = decoded.error instanceof UnmarshalError && decoded.error.code === 'DICT_KEYS_COLLIDE';
  if (!isLimit) checkSameFailure(checked.error, decoded.error, 'checkBody and decodeBody');
  checkBudget(header.value!, bytes, decoded);
  checkTypedArrays(header.value!, bytes, decoded);
}

/** The number of values as `maxValues` counts them: all but the elements of arrays of fixed-size types. */
function countOf(value: unknown, signature: string): number {
  if (signature[0] === 'v') {
    const variant = value as { signature: string; value: unknown };
    return 1 + countOf(variant.value, variant.signature);
  }
  if (signature[0] === '(') return countOfAll(value as unknown[], splitSignature(signature.slice(1, -1)));
  if (signature.startsWith('a{')) {
    const key = signature[2]!; // a key has one letter
    const content = signature.slice(3, -1);
    return [...(value as Map<unknown, unknown>)]
      .reduce((sum, [name, inside]) => sum + 2 + countOf(name, key) + countOf(inside, content), 0);
  }
  if (signature[0] !== 'a' || /^a[ybnqiuxtdh]$/.test(signature)) return 0;
  return (value as unknown[]).reduce<number>((sum, inside) => sum + 1 + countOf(inside, signature.slice(1)), 0);
}

const countOfAll = (values: readonly unknown[], signatures: readonly string[]): number =>
  values.reduce<number>((sum, value, i) => sum + 1 + countOf(value, signatures[i]!), 0);

/** A budget of exactly the values passes, one less does not; whatever is wrong stays wrong. */
function checkBudget(header: MessageHeader, bytes: Uint8Array, { value, error }: Outcome<Message>): void {
  if (value === undefined) {
    const some = attempt(() => decodeBody(header, bytes, { maxValues: bytes.length % 7 }));
    checkUnmarshalError(some.error, bytes.length, 'decodeBody with a budget');
    if (some.error.code !== 'TOO_MANY_VALUES') checkSameFailure(some.error, error, 'with and without a budget');
    return;
  }
  const count = countOfAll(value.body, splitSignature(value.signature));
  const least = attempt(() => decodeBody(header, bytes, { maxValues: count }));
  if (least.error !== undefined) {
    // A repeated key is read twice and counted once here.
    const isRepeated = least.error instanceof UnmarshalError && least.error.code === 'TOO_MANY_VALUES';
    check(isRepeated && value.signature.match(/\{|v/) !== null, 'a budget of all values does not suffice', least.error);
    return;
  }
  check(isSame(least.value, value), 'with a budget, it is another message');
  if (count === 0) return;
  const less = attempt(() => decodeBody(header, bytes, { maxValues: count - 1 }));
  checkUnmarshalError(less.error, bytes.length, 'decodeBody with a small budget');
  check(less.error.code === 'TOO_MANY_VALUES', 'a budget that is too small', less.error);
}

const TYPED: ReadonlyMap<string, string> = new Map([
  ['n', 'Int16Array'], ['q', 'Uint16Array'], ['i', 'Int32Array'], ['u', 'Uint32Array'], ['h', 'Uint32Array'],
  ['x', 'BigInt64Array'], ['t', 'BigUint64Array'], ['d', 'Float64Array'],
]);

/** Plain arrays instead of typed ones, each of which must be of the class that its signature asks for. */
function withoutTyped(value: unknown, signature: string): unknown {
  if (signature[0] === 'v') {
    const variant = value as { signature: string; value: unknown };
    return { signature: variant.signature, value: withoutTyped(variant.value, variant.signature) };
  }
  if (signature[0] === '(') {
    const fields = splitSignature(signature.slice(1, -1));
    return (value as unknown[]).map((field, i) => withoutTyped(field, fields[i]!));
  }
  if (signature.startsWith('a{')) {
    return new Map([...(value as Map<unknown, unknown>)].map(([key, inside]) =>
      [key, withoutTyped(inside, signature.slice(3, -1))]));
  }
  if (signature[0] !== 'a' || signature === 'ay') return value;
  const name = TYPED.get(signature.slice(1));
  if (name === undefined) return (value as unknown[]).map((inside) => withoutTyped(inside, signature.slice(1)));
  check((value as object).constructor.name === name, `an array of type ${signature} is no ${name}`);
  const { byteLength, buffer } = value as Float64Array;
  check(byteLength === buffer.byteLength, 'a typed array shares memory');
  return Array.from(value as Float64Array);
}

/** With typed arrays, it is the same message. */
function checkTypedArrays(header: MessageHeader, bytes: Uint8Array, { value, error }: Outcome<Message>): void {
  const typed = attempt(() => decodeBody(header, bytes, { typedArrays: true }));
  if (value === undefined) return checkSameFailure(typed.error, error, 'with and without typed arrays');
  check(typed.error === undefined, 'refused with typed arrays', typed.error);
  const signatures = splitSignature(value.signature);
  const plain = typed.value!.body.map((argument, i) => withoutTyped(argument, signatures[i]!));
  check(isSame(plain, value.body), 'with typed arrays, it is another message');
}

/** Checks any bytes as one message. Returns whether they are a valid one. */
export function checkMessage(bytes: Uint8Array): boolean {
  const before = bytes.slice();
  const spans: Span[] = [];
  const expected = attempt<ReferenceMessage>(() => referenceDecode(bytes, spans));
  if (expected.error !== undefined && !(expected.error instanceof Refused)) throw expected.error;
  const message = attempt(() => decodeMessage(bytes));
  check(Buffer.compare(before, bytes) === 0, 'decodeMessage wrote into its input');
  checkHeader(bytes, message);
  checkSecondStep(bytes, message);
  checkDissection(bytes, message);
  checkReaddressing(bytes, message);
  if (message.error !== undefined) {
    checkUnmarshalError(message.error, bytes.length, 'decodeMessage');
    check(expected.error !== undefined, 'refused, but the reference takes it', message.error);
    return false;
  }
  check(expected.error === undefined, 'taken, but the reference refuses it', expected.error);
  check(isSame(message.value, expected.value), 'the reference reads another message');
  const swapped = decodeMessage(swapBytes(bytes, spans));
  const byteOrder = swapped.byteOrder;
  check(byteOrder !== message.value!.byteOrder, 'the swapped twin has the same byte order');
  check(isSame(swapped, { ...message.value, byteOrder }), 'the swapped twin is another message');
  checkFixedPoint(message.value!);
  return true;
}

/** `dissect` never throws, because it explains broken messages; its parts cover every byte once. */
function checkDissection(bytes: Uint8Array, { error }: Outcome<Message>): void {
  const dissection = attempt(() => dissect(bytes));
  check(dissection.error === undefined, 'dissect threw', dissection.error);
  const parts = dissection.value!;
  let end = 0;
  for (const { offset, length } of parts) {
    check(offset === end, `a part begins at ${offset}, the one before ends at ${end}`);
    end += length;
  }
  check(end === bytes.length, `the parts end at ${end}`);
  const errors = parts.filter(({ kind }) => kind === 'error');
  check(errors.length === (error === undefined ? 0 : 1), 'dissect and decodeMessage disagree', error);
  const formatted = attempt(() => formatDissection(bytes, parts));
  check(formatted.error === undefined, 'formatDissection threw', formatted.error);
}

/** Checks `readdress` on any bytes. */
function checkReaddressing(bytes: Uint8Array, { value }: Outcome<Message>): void {
  const changes = { serial: 0xfffe_0001, flags: 0x5a, replySerial: 7, destination: 'com.example.New', sender: null };
  const readdressed = attempt(() => readdress(bytes, { ...changes, stripUnknownFields: true }));
  const header = attempt(() => decodeHeader(bytes));
  if (header.error !== undefined) {
    check(readdressed.error instanceof UnmarshalError, 'readdress and decodeHeader disagree', readdressed.error);
    checkSameFailure(readdressed.error, header.error);
    return;
  }
  check(readdressed.error === undefined, 'readdress refuses a valid header', readdressed.error);
  const expected = { ...header.value, ...changes, sender: undefined, unknownFields: [] };
  check(isSame(decodeHeader(readdressed.value!), expected), 'readdress writes another header');
  if (value === undefined) return;
  check(isSame(referenceDecode(readdressed.value!), { ...expected, body: value.body }), 'readdress changes the body');
  check(isSame(decodeMessage(readdress(bytes, {})), value), 'readdress without changes is another message');
}

/* Streams -------------------------------------------------------------------------------------------------------- */

interface Read<T> {
  readonly items: readonly T[];
  /** The errors of the messages that were skipped. */
  readonly invalid: readonly UnmarshalError[];
  readonly failure: unknown;
}

interface AnyReader<T> {
  readonly push: (chunk: Uint8Array) => T[];
  readonly failure: unknown;
  readonly invalid?: readonly InvalidMessage[];
}

/** Everything that a reader returns for the chunks of one stream. */
function readAll<T>(reader: AnyReader<T>, chunks: readonly Uint8Array[]): Read<T> {
  const items: T[] = [];
  const invalid: UnmarshalError[] = [];
  for (const chunk of chunks) {
    const result = attempt(() => reader.push(chunk.slice()));
    check(result.error === undefined, 'a reader threw', result.error);
    items.push(...result.value!);
    invalid.push(...(reader.invalid ?? []).map(({ error }) => error));
    const { failure } = reader;
    if (failure === undefined) continue;
    for (const next of [chunk, new Uint8Array(0)]) {
      const later = attempt(() => reader.push(next));
      check(later.value?.length === 0, 'after a failure, a reader returns or throws something', later.error);
      check(reader.failure === failure, 'after a failure, a reader has another one', reader.failure);
    }
    return { items, invalid, failure };
  }
  return { items, invalid, failure: undefined };
}

function cut(random: Random, stream: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const greatest = random.pick([1, 3, 15, 16, 17, 64, 1000]);
  for (let at = 0; at < stream.length;) {
    const length = random.chance(0.05) ? 0 : random.between(1, greatest);
    chunks.push(stream.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** Checks any bytes as a stream of messages, whole and in random chunks. Returns the number of messages. */
export function checkStream(random: Random, stream: Uint8Array): number {
  const { frames, end } = referenceFrames(stream);
  const verdicts = frames.map((frame) => attempt(() => referenceDecode(frame)));
  const expected = verdicts.filter(({ error }) => error === undefined).map(({ value }) => value);

  const wholeReader = new MessageReader();
  const whole = readAll(wholeReader, [stream]);
  check(isSame(whole.items, expected), 'a stream yields other messages than the reference');
  check(whole.invalid.length === frames.length - expected.length, 'a stream leaves out other messages');
  for (const error of whole.invalid) checkUnmarshalError(error, stream.length, 'MessageReader');
  check((whole.failure !== undefined) === (end === 'broken'), 'either the reader or the reference fails, but not both');
  if (end === 'broken') checkUnmarshalError(whole.failure, stream.length, 'MessageReader');
  else check(wholeReader.isInsideMessage === (end === 'partial'), 'isInsideMessage');

  const inPieces = readAll(new MessageReader(), cut(random, stream));
  check(isSame(inPieces.items, whole.items), 'a stream in chunks yields other messages');
  check(inPieces.invalid.length === whole.invalid.length, 'a stream in chunks leaves out other messages');
  inPieces.invalid.forEach((error, i) => checkSameFailure(error, whole.invalid[i]));
  checkSameFailure(inPieces.failure, whole.failure);

  const framesWhole = readAll(new FrameReader(), [stream]);
  check(isSame(framesWhole.items, frames.map((frame) => new Uint8Array(frame))), 'other frames than the reference');
  check((framesWhole.failure !== undefined) === (end === 'broken'), 'FrameReader and the reference disagree');
  const framesInPieces = readAll(new FrameReader({ keepChunks: random.chance(0.5) }), cut(random, stream));
  check(isSame(framesInPieces.items, framesWhole.items), 'a stream in chunks yields other frames');
  checkSameFailure(framesInPieces.failure, framesWhole.failure);
  return expected.length;
}

function checkSameFailure(a: unknown, b: unknown, ways = 'two ways'): void {
  if (a === undefined && b === undefined) return;
  check(a instanceof UnmarshalError && b instanceof UnmarshalError, `${ways}: only one fails`, a ?? b);
  const isSameError = a.message === b.message && a.code === b.code && a.offset === b.offset && a.path === b.path;
  check(isSameError, `${ways} fail for different reasons`, a);
}

/* Values --------------------------------------------------------------------------------------------------------- */

/** Checks any bytes as values of a valid signature. Returns whether they are valid. */
export function checkUnmarshal(signature: string, bytes: Uint8Array, byteOrder: 'little' | 'big'): boolean {
  const expected = attempt(() => referenceUnmarshal(signature, bytes, byteOrder === 'little'));
  if (expected.error !== undefined && !(expected.error instanceof Refused)) throw expected.error;
  const values = attempt(() => unmarshal(signature, bytes, { byteOrder }));
  if (values.error !== undefined) {
    checkUnmarshalError(values.error, bytes.length, 'unmarshal');
    check(expected.error !== undefined, 'unmarshal refuses what the reference takes', values.error);
    return false;
  }
  check(expected.error === undefined, 'unmarshal takes what the reference refuses', expected.error);
  check(isSame(values.value, expected.value), 'unmarshal yields other values than the reference');
  const again = unmarshal(signature, marshal(signature, values.value!, { byteOrder }), { byteOrder });
  check(isSame(again, values.value), 'unmarshal → marshal → unmarshal yields other values');
  return true;
}

/** Checks that a valid message is encoded, and read as `value`. Returns its bytes. */
export function checkEncoding(input: Message, value: Message): Uint8Array {
  const encoded = attempt(() => encodeMessage(input));
  check(encoded.error === undefined, 'a valid message is not encoded', encoded.error);
  const bytes = encoded.value!.slice();
  const decoded = attempt(() => decodeMessage(bytes));
  check(decoded.error === undefined, 'what was encoded is not decoded', decoded.error);
  check(isSame(decoded.value, value), 'encode → decode yields another message');
  check(isSame(referenceDecode(bytes), value), 'encoded, the reference reads another message');
  const body = marshal(input.signature, input.body as unknown[], { byteOrder: input.byteOrder });
  check(Buffer.compare(body, bytes.subarray(bytes.length - body.length)) === 0, 'marshal writes another body');
  checkUnmarshal(input.signature, body, input.byteOrder);
  return bytes;
}

/** Checks any values for any signature: they are encoded as a valid message, or refused with a documented error. */
export function checkAnyEncoding(input: Message): boolean {
  const encoded = attempt(() => encodeMessage(input));
  if (encoded.error !== undefined) {
    checkEncodingError(encoded.error, 'encodeMessage');
    return false;
  }
  const bytes = encoded.value!.slice();
  const valid = attempt(() => referenceDecode(bytes));
  check(valid.error === undefined, 'what was encoded is not valid', valid.error);
  checkMessage(bytes);
  return true;
}
