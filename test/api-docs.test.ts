// Every name that the package exports has its row in docs/api.md, under a door that exports it, and every row names
// something that is there. A row may hold several names. Needs dist/, which `npm test` builds first.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const repository = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(join(repository, file), 'utf8');

interface Door {
  /** As it is imported: `dbus-wire/wire`. */
  readonly name: string;
  readonly module: string;
  readonly declarations: string;
}

const manifest = JSON.parse(read('package.json')) as {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};
const doors = Object.entries(manifest.exports).flatMap(([path, target]): Door[] =>
  typeof target === 'string'
    ? []
    : [{ name: path.replace('.', manifest.name), module: target.default, declarations: target.types }],
);

const EXPORT_LIST = /^export (?:type )?\{([^}]*)\}/gms;
const EXPORT_ALL = /^export \* from '([^']+)'/gm;
const EXPORT_DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:class|const|function|interface|let|type) (\w+)/gm;

/** The names that a file of declarations exports, those of types included. */
function exportsOf(file: string): readonly string[] {
  const text = read(file);
  const listed = [...text.matchAll(EXPORT_LIST)].flatMap(([, list = '']) => list.split(','))
    .map((item) => item.trim().replace(/^type /, '').replace(/^.* as /, ''));
  const declared = [...text.matchAll(EXPORT_DECLARATION)].map(([, name = '']) => name);
  const others = [...text.matchAll(EXPORT_ALL)]
    .flatMap(([, other = '']) => exportsOf(join(dirname(file), other.replace(/\.js$/, '.d.ts'))));
  return [...new Set([...listed, ...declared, ...others])].filter((name) => name !== '').sort();
}

const exported = new Map(doors.map(({ name, declarations }) => [name, exportsOf(declarations)]));

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

test('the page has a section for each door of the package, and for nothing else', () => {
  expect([...documented.keys()].sort()).toEqual(doors.map(({ name }) => name).sort());
});

test('the page has no name twice', () => {
  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
});

describe.each(doors)('$name', ({ name, module }) => {
  test('has declarations for all that its module has', async () => {
    const built = (await import(join(repository, module))) as object;
    expect(exported.get(name)).toEqual(expect.arrayContaining(Object.keys(built)));
  });

  test('has each of its names documented, here or under another door that has it too', () => {
    const shown = [...documented].flatMap(([door, names]) =>
      names.filter((each) => exported.get(door)?.includes(each)),
    );
    expect(exported.get(name)?.filter((each) => !shown.includes(each))).toEqual([]);
  });

  test('has every name that is documented as its own', () => {
    expect(documented.get(name)?.filter((each) => !exported.get(name)?.includes(each))).toEqual([]);
  });
});
