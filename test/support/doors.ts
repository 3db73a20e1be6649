// The doors of the package as its users see them: the entries of "exports" in package.json, with the names and types
// that their built declarations export. Needs dist/, which `npm test` builds first.

import { createRequire } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { read, root } from './sources.js';

/** One entry of the package. */
export interface Door {
  /** As it is imported: `dbus-wire/wire`. */
  readonly name: string;
  /** The file that is loaded, relative to the repository. */
  readonly module: string;
  readonly declarations: string;
}

const manifest = JSON.parse(read('package.json')) as {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};

export const doors: readonly Door[] = Object.entries(manifest.exports).flatMap(([path, target]): Door[] =>
  typeof target === 'string'
    ? []
    : [{ name: path.replace('.', manifest.name), module: target.default, declarations: posix.join(target.types) }],
);

/** Loads built files with Node alone, which is quicker than with vitest. */
const load = createRequire(import.meta.url);

/** The values that a door exports. */
export function valuesOf({ module }: Door): string[] {
  return Object.keys(load(join(root, module)) as object).sort();
}

/** One name that a door exports, and where it is declared. */
export interface Export {
  readonly name: string;
  readonly file: string;
}

const EXPORT_FROM = /^export (?:type )?\{([^}]*)\} from '([^']+)'/gms;
const EXPORT_LIST = /^export (?:type )?\{([^}]*)\};/gms;
const EXPORT_ALL = /^export \* from '([^']+)'/gm;
const IMPORT = /^import (?:type )?\{([^}]*)\} from '([^']+)'/gms;
const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:class|const|function|interface|let|type) (\w+)/;

/** The names of a list in braces, `as` followed. */
function namesIn(list: string): { readonly own: string; readonly other: string }[] {
  return list.split(',').map((item) => item.trim().replace(/^type /, '')).filter((item) => item !== '').map((item) => {
    const [other = '', own = other] = item.split(' as ');
    return { own, other };
  });
}

const besides = (file: string, specifier: string): string =>
  posix.join(dirname(file), specifier.replace(/\.js$/, '.d.ts'));

/** Everything that a file of declarations exports, sorted by name. */
export function exportsOf(file: string): Export[] {
  const text = read(file);
  const found = new Map<string, Export>();
  const add = (each: Export): void => void found.set(each.name, each);
  for (const [, list = '', specifier = ''] of text.matchAll(EXPORT_FROM)) {
    const target = besides(file, specifier);
    for (const { own, other } of namesIn(list)) {
      add({ name: own, file: exportsOf(target).find(({ name }) => name === other)?.file ?? target });
    }
  }
  for (const [, list = ''] of text.matchAll(EXPORT_LIST)) {
    for (const { own } of namesIn(list)) add({ name: own, file: importsOf(text, file).get(own) ?? file });
  }
  for (const [, specifier = ''] of text.matchAll(EXPORT_ALL)) exportsOf(besides(file, specifier)).forEach(add);
  for (const statement of statementsOf(text)) {
    const name = statement.startsWith('export ') ? DECLARATION.exec(statement)?.[1] : undefined;
    if (name !== undefined) add({ name, file });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The imported names of a file of declarations and the files that they come from. */
function importsOf(text: string, file: string): ReadonlyMap<string, string> {
  const imported = [...text.matchAll(IMPORT)].filter(([, , specifier = '']) => specifier.startsWith('.'));
  return new Map(imported.flatMap(([, list = '', specifier = '']) =>
    namesIn(list).map(({ own }) => [own, besides(file, specifier)] as const)));
}

function statementsOf(text: string): string[] {
  const code = text.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
  return code.split(/^(?=(?:export|declare|interface|type|import|abstract)\b)/m).filter((part) => part.trim() !== '');
}

const nameOf = (statement: string): string | undefined => DECLARATION.exec(statement)?.[1];

/** A type that the compiler computes, by a condition or over keys. Users see its result and never write its parts. */
const isComputed = (statement: string): boolean =>
  /^(export )?(declare )?type /.test(statement) && /\?|\bin\b|\bkeyof\b|\bE(xclude|xtract)<|\[['"A-Z]/.test(statement);

function declarationsOf({ name, file }: Export): string[] {
  return statementsOf(read(file)).filter((statement) => nameOf(statement) === name);
}

/**
 * The types of this package that the declaration of an export names, without computed ones. A class that is exported as
 * a type alone has no constructor for its users.
 */
export function typesNamedBy(named: Export, isValue: boolean): string[] {
  const text = read(named.file);
  const imported = importsOf(text, named.file);
  const local = new Set(statementsOf(text).flatMap((statement) => nameOf(statement) ?? []));
  const isKnown = (name: string): boolean => {
    const file = imported.get(name) ?? (local.has(name) ? named.file : undefined);
    return file !== undefined && !declarationsOf({ name, file }).some(isComputed);
  };
  const shown = declarationsOf(named).filter((statement) => !isComputed(statement))
    .map((statement) => (isValue ? statement : statement.replace(/^ {4}constructor\([^;]*;$/m, '')));
  const mentioned = shown.flatMap((statement) => statement.match(/\b[A-Z]\w*[a-z]\w*(?!\w|\[)/g) ?? []);
  return [...new Set(mentioned)].filter((name) => name !== named.name && isKnown(name)).sort();
}
