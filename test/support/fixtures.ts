// Loads fixtures/messages and fixtures/handshakes, and turns typed JSON into the values that the wire layer yields.
// It parses signatures itself and calls nothing of src: expected values must not come from the code under test.
// fixtures/README.md describes the format.

import { readdirSync, readFileSync } from 'node:fs';
import type { Message } from '../../src/wire/index.js';

type ByteOrder = 'little' | 'big';
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Code, first byte, byte after the last one of a header field. */
export type FieldSpan = readonly [code: number, start: number, end: number];

/** A message as another implementation wrote it. */
export interface Writing {
  readonly bytes: Uint8Array;
  /** The places of the header fields in `bytes`, in the order of the bytes. */
  readonly fields: readonly FieldSpan[];
}

/** One file of fixtures/messages. */
export interface MessageFixture {
  readonly name: string;
  readonly madeBy: string;
  readonly direction: 'to bus' | 'from bus' | 'to server' | 'from server';
  readonly decodedBy: readonly string[];
  /** The message as the file's typed JSON has it, for statements about what the fixtures cover. */
  readonly json: { readonly body: Json; readonly unknownFields: Json };
  /** The result that decodeMessage must return. */
  readonly expected: Message;
  readonly captured: Writing;
  /** The same message, written by GLib in the other byte order. */
  readonly twin: Writing;
}

/** One write of one side: handshake text, then bytes of messages; either may be empty. */
export interface HandshakeChunk {
  readonly from: 'client' | 'server';
  readonly handshake: string;
  readonly message: Uint8Array;
}

/** One file of fixtures/handshakes. */
export interface HandshakeFixture {
  readonly name: string;
  readonly client: string;
  readonly server: string;
  readonly guid: string;
  readonly unixFds: 'agreed' | 'refused' | 'not asked';
  /** The lines of the key ring that DBUS_COOKIE_SHA1 took its cookie from. */
  readonly cookies: readonly string[];
  readonly exchange: readonly HandshakeChunk[];
}

interface MessageFile {
  name: string;
  origin: { madeBy: string };
  direction: MessageFixture['direction'];
  decodedBy: string[];
  expected: {
    type: Message['type']; flags: number; serial: number; byteOrder: ByteOrder; path: string | null;
    interface: string | null; member: string | null; errorName: string | null; replySerial: number | null;
    destination: string | null; sender: string | null; signature: string; unixFds: number;
    unknownFields: { code: number; value: TypedVariant }[]; body: Json[];
  };
  fields: FieldSpan[];
  hex: string[];
  twinFields: FieldSpan[];
  twinHex: string[];
}

interface HandshakeFile extends Omit<HandshakeFixture, 'client' | 'server' | 'cookies' | 'exchange'> {
  origin: { client: string; server: string };
  cookies?: string[];
  exchange: { from: 'client' | 'server'; handshake: string; message: string[] }[];
}

interface TypedVariant { readonly [key: string]: Json; readonly signature: string; readonly value: Json }

function bytesOf(rows: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(rows.join(''), 'hex'));
}

/** The end of the single complete type that starts at `start`. */
function endOfType(signature: string, start: number): number {
  let at = start;
  while (signature[at] === 'a') at++;
  if (!'({'.includes(signature[at] ?? '?')) return at + 1;
  for (let depth = 0; ; at++) {
    if ('({'.includes(signature[at] ?? '?')) depth++;
    if (')}'.includes(signature[at] ?? '?') && --depth === 0) return at + 1;
  }
}

/** The single complete types of a signature. */
export function completeTypes(signature: string): readonly string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length;) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function doubleOf(text: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${text.slice(0, 16)}`));
  return view.getFloat64(0);
}

function tupleOf(signature: string, items: readonly Json[]): unknown[] {
  const types = completeTypes(signature);
  if (types.length !== items.length) throw new Error(`${items.length} values for the signature ${signature}`);
  return types.map((type, index) => valueOf(type, items[index] as Json));
}

function variantOf({ signature, value }: TypedVariant): { signature: string; value: unknown } {
  return { signature, value: valueOf(signature, value) };
}

/** A value of typed JSON as decodeMessage yields it. */
export function valueOf(type: string, json: Json): unknown {
  if (type === 'x' || type === 't') return BigInt(json as string);
  if (type === 'd') return doubleOf(json as string);
  if (type === 'v') return variantOf(json as TypedVariant);
  if (type === 'ay') return bytesOf([json as string]);
  if (type.startsWith('a{')) {
    const entry = type.slice(2, -1);
    return new Map((json as Json[][]).map((pair) => tupleOf(entry, pair) as [unknown, unknown]));
  }
  if (type.startsWith('a')) return (json as Json[]).map((item) => valueOf(type.slice(1), item));
  if (type.startsWith('(')) return tupleOf(type.slice(1, -1), json as Json[]);
  return json;
}

function messageOf({ expected }: MessageFile): Message {
  const { type, flags, serial, byteOrder, signature, unixFds } = expected;
  const message = {
    type, flags, serial, byteOrder,
    path: expected.path ?? undefined,
    interface: expected.interface ?? undefined,
    member: expected.member ?? undefined,
    errorName: expected.errorName ?? undefined,
    replySerial: expected.replySerial ?? undefined,
    destination: expected.destination ?? undefined,
    sender: expected.sender ?? undefined,
    signature, unixFds,
    unknownFields: expected.unknownFields.map(({ code, value }) => ({ code, value: variantOf(value) })),
    body: tupleOf(signature, expected.body),
  };
  return message as Message; // a file cannot be held to the union: the tests compare it with what is decoded
}

function load<T>(folder: string): T[] {
  const url = new URL(`../../fixtures/${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => name.endsWith('.json')).sort();
  return names.map((name) => JSON.parse(readFileSync(new URL(name, url), 'utf8')) as T);
}

/** All of fixtures/messages, by name. */
export function loadMessages(): readonly MessageFixture[] {
  return load<MessageFile>('messages').map((file) => ({
    name: file.name,
    madeBy: file.origin.madeBy,
    direction: file.direction,
    decodedBy: file.decodedBy,
    json: { body: file.expected.body, unknownFields: file.expected.unknownFields },
    expected: messageOf(file),
    captured: { bytes: bytesOf(file.hex), fields: file.fields },
    twin: { bytes: bytesOf(file.twinHex), fields: file.twinFields },
  }));
}

/** All of fixtures/handshakes, by name. */
export function loadHandshakes(): readonly HandshakeFixture[] {
  return load<HandshakeFile>('handshakes').map(({ name, origin, guid, unixFds, cookies, exchange }) => ({
    name, guid, unixFds,
    client: origin.client,
    server: origin.server,
    cookies: cookies ?? [],
    exchange: exchange.map((chunk) => ({ ...chunk, message: bytesOf(chunk.message) })),
  }));
}
