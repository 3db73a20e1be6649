// The messages that the fuzzer starts from: captured from other implementations, or broken by hand.

import { readdirSync, readFileSync } from 'node:fs';

interface CapturedFile {
  readonly hex: readonly string[];
  readonly twinHex: readonly string[];
}

interface BrokenEntry {
  readonly hex: readonly (readonly [digits: string, note: string, repetitions?: number])[];
}

const LARGEST = 10_000; // what is larger costs time and shows no more

const bytesOf = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

function filesOf(folder: URL): unknown[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  return names.map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as unknown);
}

/** All messages of fixtures/messages and fixtures/invalid; `root` is the folder of the repository, with a slash. */
export function loadCorpus(root: URL): readonly Uint8Array[] {
  const captured = (filesOf(new URL('fixtures/messages/', root)) as CapturedFile[]).flatMap(({ hex, twinHex }) =>
    [hex, twinHex].map((rows) => bytesOf(rows.join(''))));
  const broken = (filesOf(new URL('fixtures/invalid/', root)) as BrokenEntry[][]).flat().map(({ hex }) =>
    bytesOf(hex.map(([digits, , repetitions = 1]) => digits.replaceAll(' ', '').repeat(repetitions)).join('')));
  return [...captured, ...broken].filter(({ length }) => length > 0 && length <= LARGEST);
}
