// Every name that the package exports has its row in docs/api.md, under a door that exports it, and every row names
// something that is there. A row may hold several names. Needs dist/, which `npm test` builds first.
import { describe, expect, test } from 'vitest';
import { doors, exportsOf } from './support/doors.js';
import { read } from './support/sources.js';

const exported = new Map(doors.map(({ name, declarations }) =>
  [name, exportsOf(declarations).map((each) => each.name)] as const));

/** The names in the first column of the tables headed "name" of each section `## \`door\``. */
function documentedIn(page: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  let section: string[] | undefined;
  let isTable = false;
  for (const line of page.split('\n')) {
    const heading = /^## (.*)$/.exec(line)?.[1];
    if (heading !== undefined) {
      const door = /^`([^`]+)`$/.exec(heading)?.[1];
      section = door === undefined ? undefined : [];
      if (door !== undefined && section !== undefined) names.set(door, section);
    }
    if (!line.startsWith('|')) isTable = false;
    else if (line.startsWith('| name ')) isTable = true;
    else if (isTable) {
      const [, cell = ''] = line.split('|');
      section?.push(...[...cell.matchAll(/`(\w+)[^`]*`/g)].map(([, name = '']) => name));
    }
  }
  return names;
}

const documented = documentedIn(read('docs/api.md'));
const all = [...documented.values()].flat();

test('the page has a section for each entry point of the package, and for nothing else', () => {
  expect([...documented.keys()].sort()).toEqual(doors.map(({ name }) => name).sort());
});

test('the page lists no name twice', () => {
  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
});

describe.each(doors)('$name', ({ name }) => {
  test('has each of its names documented, in its section or in that of another entry point with the name', () => {
    const shown = [...documented].flatMap(([door, names]) =>
      names.filter((each) => exported.get(door)?.includes(each)),
    );
    expect(exported.get(name)?.filter((each) => !shown.includes(each))).toEqual([]);
  });

  test('exports every name that is documented in its section', () => {
    expect(documented.get(name)?.filter((each) => !exported.get(name)?.includes(each))).toEqual([]);
  });
});
