// Reads the tables of a page of the documentation, and evaluates the examples in them.

import * as wire from '../../src/wire/index.js';

/** The rows of the first table after a heading that contains these words, as the texts of their cells. */
export function tableUnder(page: string, heading: string): readonly (readonly string[])[] {
  const section = page.split(/^#+ /m).find((text) => text.split('\n')[0]?.includes(heading)) ?? '';
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const table = start < 0 ? [] : lines.slice(start);
  const end = table.findIndex((line) => !line.startsWith('|'));
  const rows = table.slice(2, end < 0 ? undefined : end); // after the names of the columns
  return rows.map((row) => row.slice(1, -1).split(' | ').map((cell) => cell.trim()));
}

/** The texts between backticks in a cell. */
export function codeSpans(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** `6c01 "text" 00*4` as bytes. */
export function bytesOf(notation: string): Uint8Array {
  const pieces = [...notation.matchAll(/(?:"([^"]*)"|([0-9a-f]+))(?:\*(\d+))?(?: |$)/g)];
  if (pieces.map(([piece]) => piece).join('') !== notation) throw new Error(`not the notation of bytes: ${notation}`);
  return Buffer.concat(pieces.flatMap(([, text, digits = '', times = '1']) => {
    const piece = text === undefined ? Buffer.from(digits, 'hex') : Buffer.from(text, 'latin1');
    return Array<Buffer>(Number(times)).fill(piece);
  }));
}

/** The value of an expression that may use every export of the wire layer. */
export function evaluate(expression: string): unknown {
  return (Function(...Object.keys(wire), `return ${expression};`) as (...values: unknown[]) => unknown)(
    ...Object.values(wire),
  );
}

/** Decodes the bytes of an example: a message, or the values of the signature before them. */
export function decodeExample(example: readonly string[]): unknown {
  const [bytes = '', signature] = [...example].reverse();
  return signature === undefined ? wire.decodeMessage(bytesOf(bytes)) : wire.unmarshal(signature, bytesOf(bytes));
}

/** The value that a function throws. */
export function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}
