// The codec of a signature: one record for writing and reading, compiled on first use, dropped only by other bodies and
// variants; and the limits of all caches of the wire layer, as docs/wire.md lists them.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CACHE_LIMITS } from '../../../src/wire/cache-limits.js';
import {
  decodeHeader, decodeMessage, encodeMessage, marshal, signal, SignatureError, unmarshal, variant,
} from '../../../src/wire/index.js';
import { checkSignature, codecOf, codecOfSingle } from '../../../src/wire/values/codec.js';
import { thrownBy } from '../support.js';

/** Signatures that differ from one another, `count` of them. */
function* distinctSignatures(count: number): Generator<string> {
  const codes = 'ybnqiuxtdsog';
  for (let i = 0; i < count; i++) yield `(${[...i.toString(12)].map((digit) => codes[parseInt(digit, 12)]).join('')}ay)`;
}

function signatureErrorOf(run: () => unknown): SignatureError {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(SignatureError);
  return error as SignatureError; // asserted
}

const signalOf = (signature: string, body: readonly unknown[]) =>
  signal({ path: '/a', interface: 'a.b', member: 'C', signature: signature as string, body });

test('bodies and variants of one signature share one codec for reading and writing', () => {
  const codec = codecOf('(sax)');
  const bytes = marshal('(sax)v', [['a', [1n]], variant('(sax)', ['a', [1n]])]);
  unmarshal('(sax)v', bytes);
  marshal('(sax)', [['a', []]]);
  expect(codecOf('(sax)')).toBe(codec);
  expect(codecOfSingle('(sax)')).toBe(codec);
  expect(codec.marshalers).toHaveLength(1);
  expect(codec.unmarshalers).toHaveLength(1);
});

test('a signature is compiled only for the direction in which it is used', () => {
  const written = codecOf('(tax)');
  marshal('(tax)', [[1n, []]]);
  expect([written.marshalers?.length, written.unmarshalers]).toEqual([1, undefined]);
  const read = codecOf('(bax)');
  unmarshal('(bax)', new Uint8Array(8));
  expect([read.marshalers, read.unmarshalers?.length]).toEqual([undefined, 1]);
});

test('reading a header compiles nothing, and neither does making a variant', () => {
  const bytes = encodeMessage(signalOf('(nax)', [[1, []]]), { serial: 1 });
  decodeHeader(bytes);
  expect(codecOf('(nax)').unmarshalers).toBeUndefined();
  variant('(gax)', ['', []]);
  expect(codecOf('(gax)').marshalers).toBeUndefined();
});

test('values of type SIGNATURE remove no codec from the cache', () => {
  const codec = codecOf('a{s(iax)}');
  for (const signature of distinctSignatures(1.5 * CACHE_LIMITS.codecs.entries)) {
    const message = decodeMessage(encodeMessage(signalOf('gv', [signature, variant('g', signature)]), { serial: 1 }));
    if (message.body[0] !== signature) throw new Error(`${String(message.body[0])} instead of ${signature}`);
  }
  expect(codecOf('a{s(iax)}')).toBe(codec);
});

test('codecs of signatures that are no longer used are removed', () => {
  const codec = codecOf('a{s(uax)}');
  for (const signature of distinctSignatures(5000)) codecOf(signature);
  expect(codecOf('a{s(uax)}')).not.toBe(codec);
});

test('the codecs of one-letter signatures are never removed', () => {
  const letters = [...'ybnqiuxtdhsogv', ''];
  const codecs = letters.map(codecOf);
  for (const signature of distinctSignatures(5000)) codecOf(signature);
  expect(letters.map(codecOf).every((codec, i) => codec === codecs[i])).toBe(true);
});

test('a signature that is not valid is refused each time', () => {
  for (let i = 0; i < 2; i++) {
    for (const check of [codecOf, codecOfSingle, checkSignature]) {
      expect(signatureErrorOf(() => check('a{vs}')).code).toBe('SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC');
      expect(signatureErrorOf(() => check('k')).code).toBe('SIGNATURE_UNKNOWN_TYPE_CODE');
      expect(signatureErrorOf(() => check('\u0161')).code).toBe('SIGNATURE_UNKNOWN_TYPE_CODE');
    }
    expect(signatureErrorOf(() => codecOfSingle('')).code).toBe('SIGNATURE_NOT_SINGLE');
    expect(signatureErrorOf(() => codecOfSingle('ay(s)')).message)
      .toBe('expected exactly one single complete type, got 2 (at offset 2 of signature "ay(s)")');
  }
});

test('every cache of the wire layer has its limit in one table, which docs/wire.md repeats', () => {
  const source = new URL('../../../src/wire/', import.meta.url);
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const code = files.map((file) => readFileSync(new URL(file, source), 'utf8')).join('\n');
  const caches = [...code.matchAll(/\bnew (?:Bounded|Byte)Cache\b[^(]*\(([^)]*)\)/g)].map(([, limit]) => limit);
  const tables = [...code.matchAll(/= (CACHE_LIMITS\.\w+);/g)].map(([, limit]) => limit);
  const used = new Set([...caches, ...tables]);
  expect([...used].sort()).toEqual(Object.keys(CACHE_LIMITS).map((name) => `CACHE_LIMITS.${name}`).sort());

  const docs = readFileSync(new URL('../../../docs/wire.md', import.meta.url), 'utf8');
  const rows = [...docs.matchAll(/^\| `(\w+)` \|[^|]*\| (\d+) \| ([\d,]+) (?:characters|bytes) \|/gm)];
  const listed = rows.map(([, name, entries, size]) => [name, Number(entries), Number(size?.replaceAll(',', ''))]);
  expect(listed).toEqual(Object.entries(CACHE_LIMITS).map(([name, limit]) => [
    name,
    'entries' in limit ? limit.entries : limit.slots,
    'entries' in limit ? limit.characters : limit.slots * limit.maxLength,
  ]));
});
