// Keeps docs/wire.md and the code consistent: each error code of src/wire/errors.ts is in a table there and vice versa,
// each example gives the error of its row, and each limit has the value in the table.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as wire from '../../src/wire/index.js';
import { codeSpans, decodeExample, evaluate, tableUnder, thrownBy } from '../support/pages.js';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const page = read('docs/wire.md');
const source = read('src/wire/errors.ts');

/** The codes of a union type in the text of errors.ts, and the unions that it includes. */
function unionOf(name: string): { codes: readonly string[]; others: readonly string[] } {
  const text = new RegExp(`export type ${name} =([^;]*);`).exec(source)?.[1] ?? '';
  const withoutComments = text.replace(/\/\/.*/g, '');
  const members = withoutComments.split('|').map((member) => member.trim()).filter((member) => member !== '');
  const isCode = (member: string): boolean => member.startsWith("'");
  return {
    codes: members.filter(isCode).map((member) => member.slice(1, -1)),
    others: members.filter((member) => !isCode(member)),
  };
}

interface Row {
  readonly code: string;
  readonly rule: string;
  readonly clause: string;
  readonly example: readonly string[];
}

function rowsUnder(heading: string): readonly Row[] {
  return tableUnder(page, heading).map(([code = '', rule = '', clause = '', example = '', ...rest]) => {
    expect(rest, code).toEqual([]);
    return { code: codeSpans(code)[0] ?? '', rule, clause, example: codeSpans(example) };
  });
}

const received = rowsUnder('UnmarshalErrorCode');
const limits = rowsUnder('ReceiverLimitCode');
const signatures = rowsUnder('SignatureErrorCode');
const given = rowsUnder('MarshalErrorCode');

/** The sections of the specification to which the page refers. */
const CLAUSES = [
  'Message Format', 'Header Fields', 'Valid Signatures', 'Valid Object Paths', 'Valid Names', 'Type System',
  'Basic types', 'Container types', 'not in it', 'Byte order and alignment', 'Marshalling basic types', 'Marshalling containers',
];

describe.each([
  ['UnmarshalErrorCode', received, ['ReceiverLimitCode', 'SignatureErrorCode']],
  ['ReceiverLimitCode', limits, []],
  ['SignatureErrorCode', signatures, []],
  ['MarshalErrorCode', given, []],
] as const)('%s', (name, rows, others) => {
  const union = unionOf(name);

  test('has the same codes in errors.ts and on the page', () => {
    expect(union.codes.length).toBeGreaterThan(1);
    expect(rows.map(({ code }) => code)).toEqual(union.codes);
    expect(union.others).toEqual(others);
  });

  test('has a rule, a clause and an example for each', () => {
    for (const { code, rule, clause, example } of rows) {
      expect(rule.length, code).toBeGreaterThan(10);
      expect(CLAUSES, code).toContain(clause);
      expect(example.length, code).toBeGreaterThan(0);
    }
  });
});

describe('the error page: the example of received bytes for', () => {
  test.each(received.map((row) => [row.code, row] as const))('%s', (code, { example }) => {
    const error = thrownBy(() => decodeExample(example));
    expect(error).toBeInstanceOf(wire.UnmarshalError);
    expect(error).toMatchObject({ code });
  });
});

describe('the error page: the example of values above a limit of the receiver for', () => {
  test.each(limits.map((row) => [row.code, row] as const))('%s', (code, { example: [expression = ''] }) => {
    expect(thrownBy(() => evaluate(expression))).toMatchObject({ name: 'UnmarshalError', code });
  });
});

describe('the example of a signature for', () => {
  test.each(signatures.map((row) => [row.code, row] as const))('%s', (code, { example: [expression = ''] }) => {
    const error = thrownBy(() => evaluate(expression));
    expect(error).toBeInstanceOf(wire.SignatureError);
    expect(error).toMatchObject({ code });
  });

  test.each(signatures.map((row) => [row.code, row] as const))('%s, received', (code, { example: [expression = ''] }) => {
    if (code === 'SIGNATURE_TOO_LONG') return; // as the page says
    const { signature } = thrownBy(() => evaluate(expression)) as wire.SignatureError; // asserted right above
    const bytes = Buffer.from(`${String.fromCharCode(signature.length)}${signature}\0\0\0\0\0\0\0\0\0`, 'latin1');
    expect(thrownBy(() => wire.unmarshal('v', bytes))).toMatchObject({ name: 'UnmarshalError', code });
  });
});

describe('the example of a value for', () => {
  test.each(given.map((row) => [row.code, row] as const))('%s', (code, { example: [expression = ''] }) => {
    const error = thrownBy(() => evaluate(expression));
    expect(error).toBeInstanceOf(wire.MarshalError);
    expect(error).toMatchObject({ code });
  });
});

describe('the limits on the page', () => {
  test('are all limits, with their values', () => {
    const rows = tableUnder(page, 'Limits').map(([name = '', value = '']) => [codeSpans(name)[0], Number(value)]);
    const numbers = Object.entries(wire).filter(([, value]) => typeof value === 'number');
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(numbers));
    expect(rows.length).toBeGreaterThan(6);
  });

  test('include the reserved names of the specification', () => {
    expect(page).toContain(`\`${wire.LOCAL_PATH}\` (\`LOCAL_PATH\`)`);
    expect(page).toContain(`\`${wire.LOCAL_INTERFACE}\` (\`LOCAL_INTERFACE\`)`);
  });
});

describe('the error classes on the page', () => {
  test('are the exported ones', () => {
    const classes = tableUnder(page, 'Errors').map(([name = '']) => codeSpans(name)[0]);
    const errors = Object.entries(wire).filter(([name]) => name.endsWith('Error') && name !== 'DBusWireError');
    expect(classes.sort()).toEqual(errors.map(([name]) => name).sort());
  });
});
