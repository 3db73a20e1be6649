// Holds the doors of the package to test/public-names.txt, the reviewed list of all that users can import, and to what
// its names need: every type that a public signature names comes through the same door (or, for the message bus,
// through the first). Needs dist/, which `npm test` builds first. To change the list on purpose: `UPDATE_PUBLIC_NAMES=1
// npx vitest run test/public-names.test.ts`.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { doors, exportsOf, typesNamedBy, valuesOf } from './support/doors.js';

const list = fileURLToPath(new URL('public-names.txt', import.meta.url));

/** What users meet but are not to use: what the service layer and an implementation say to one another. */
const INTERNAL = ['Implementation names SignalSink'];

/** The list as it must be: for each door its values, then its types, one a line. */
function publicNames(): string {
  const sections = doors.map((door) => {
    const values = valuesOf(door);
    const types = exportsOf(door.declarations).map(({ name }) => name).filter((name) => !values.includes(name));
    const lines = [`# ${door.name}`, ...values.map((name) => `value ${name}`), ...types.map((name) => `type ${name}`)];
    return `${lines.join('\n')}\n`;
  });
  return sections.join('\n');
}

test('the public names are those of the reviewed list', () => {
  const names = publicNames();
  if (process.env['UPDATE_PUBLIC_NAMES'] !== undefined) writeFileSync(list, names);
  expect(names).toBe(readFileSync(list, 'utf8'));
});

describe.each(doors)('$name', (door) => {
  test('has declarations for all of its values', () => {
    const values = valuesOf(door);
    expect(values.length).toBeGreaterThan(0);
    expect(exportsOf(door.declarations).map(({ name }) => name)).toEqual(expect.arrayContaining(values));
  });

  test('exports every type that its signatures name', () => {
    const values = valuesOf(door);
    const exported = exportsOf(door.declarations);
    const main = door.name === 'dbus-wire/message-bus' ? exportsOf(doors[0]?.declarations ?? '') : []; // its Bus
    const names = [...exported, ...main].map(({ name }) => name);
    const missing = exported.flatMap((each) =>
      typesNamedBy(each, values.includes(each.name))
        .filter((name) => !names.includes(name))
        .map((name) => `${each.name} names ${name}`));
    expect(missing.filter((each) => !INTERNAL.includes(each))).toEqual([]);
  });
});
