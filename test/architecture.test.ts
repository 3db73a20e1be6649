// Who may import whom, and what may be in the repository at all: the rules that no compiler checks.
// Each rule looks at one source file and names the lines that break it, so that a failure reads as a list of places.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folder of src/ (or file directly in it) to the folders that it may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  auth: ['wire'],
  protocol: ['wire'],
  interface: ['wire'],
  'random-data.ts': ['wire', 'interface'],
  transport: ['wire', 'auth', 'protocol'],
  connection: ['wire', 'auth', 'protocol', 'interface', 'transport'],
  'program-options.ts': ['wire', 'protocol', 'connection'],
  service: ['wire', 'auth', 'protocol', 'interface', 'transport', 'connection', 'random-data.ts', 'program-options.ts'],
  client: ['wire', 'auth', 'protocol', 'interface', 'transport', 'connection', 'random-data.ts', 'program-options.ts'],
  'index.ts': ['wire', 'auth', 'protocol', 'interface', 'transport', 'connection', 'service', 'client'],
};
const PURE = ['wire', 'auth', 'protocol', 'interface', 'random-data.ts', 'index.ts'];

interface Source {
  /** Relative to the repository, e.g. `src/wire/values/reader.ts`. */
  readonly file: string;
  readonly text: string;
  /** The text with its comments blanked out, so that offsets and lines stay. */
  readonly code: string;
}

interface Import {
  readonly specifier: string;
  readonly offset: number;
  /** The imported file, relative to the repository; undefined unless the specifier is a relative path. */
  readonly target: string | undefined;
}

function source(file: string, text: string): Source {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
  return { file, text, code: text.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, blank) };
}

function imports({ file, code }: Source): Import[] {
  const statement = /\b(?:(?:import|export)\b[^;'"()]*\bfrom|(?:import|require)\s*\(?)\s*['"`]([^'"`]+)['"`]/g;
  return [...code.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? '';
    const target = /^\.\.?\//.test(specifier)
      ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
      : undefined;
    return { specifier, offset: match.index, target };
  });
}

const folderOf = (file: string): string => file.split('/')[1] ?? '';

const RE_EXPORT = /^export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+';$/;

/** Rule to a function that gives the offset of each place where a file breaks it. */
const RULES: Readonly<Record<string, (source: Source) => number[]>> = {
  'imports only from the folders below its own': (source) => {
    const own = folderOf(source.file);
    const allowed = [own, ...(MAY_IMPORT[own] ?? [])];
    const isAllowed = (target: string): boolean => target.startsWith('src/') && allowed.includes(folderOf(target));
    return imports(source)
      .filter(({ target }) => target !== undefined && !isAllowed(target))
      .map(({ offset }) => offset);
  },
  'lies in a folder that the table of this test knows': ({ file }) => (folderOf(file) in MAY_IMPORT ? [] : [0]),
  'imports Node only from transport/ upward': (source) =>
    PURE.includes(folderOf(source.file))
      ? imports(source).filter(({ specifier }) => specifier.startsWith('node:')).map(({ offset }) => offset)
      : [],
  'imports no package': (source) =>
    imports(source)
      .filter(({ specifier, target }) => target === undefined && !specifier.startsWith('node:'))
      .map(({ offset }) => offset),
  'imports files by their full name, .js included': (source) =>
    imports(source)
      .filter(({ specifier, target }) => target !== undefined && !specifier.endsWith('.js'))
      .map(({ offset }) => offset),
  'imports no program': (source) =>
    imports(source).filter(({ target }) => target?.endsWith('/main.ts')).map(({ offset }) => offset),
  'goes through no index.ts but the doors themselves': (source) =>
    source.file === 'src/index.ts'
      ? []
      : imports(source).filter(({ target }) => target?.endsWith('/index.ts')).map(({ offset }) => offset),
  're-exports and does nothing else, being an index.ts': ({ file, code }) =>
    basename(file) === 'index.ts'
      ? [...code.matchAll(/[^\s;][^;]*;?/g)]
          .filter(([statement]) => !RE_EXPORT.test(statement))
          .map(({ index }) => index)
      : [],
  'has no default export': ({ code }) => places(code, /\bexport\s+default\b|\bas\s+default\b/g),
  'has no any': ({ code }) => places(code, /(?:[:<|&=(,[]|\bas\b|=>)\s*any\b(?!['"`:])|\bany\s*(?:\[\]|>|\|)/g),
  'opens with a comment that says what it owns': ({ text }) => (/^(#!.*\n)?\/[/*]/.test(text) ? [] : [0]),
  'keeps its lines within 120 columns': ({ text }) => places(text, /^.{121,}$/gm),
};

const places = (text: string, pattern: RegExp): number[] => [...text.matchAll(pattern)].map(({ index }) => index);

function violations(rule: string, file: Source): string[] {
  return (RULES[rule]?.(file) ?? []).map((offset) => {
    const before = file.text.slice(0, offset).split('\n');
    return `${file.file}:${before.length}: ${file.text.split('\n')[before.length - 1]?.trim()}`;
  });
}

const SKIPPED = ['node_modules', 'dist', '.git', 'build'];

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : filesBelow(file);
    return entry.isFile() ? [relative('.', file).replaceAll('\\', '/')] : [];
  });
}

const files = filesBelow('.');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const sources = files.filter((file) => /^src\/.*\.ts$/.test(file)).map((file) => source(file, read(file)));

describe('every file in src', () => {
  test('is found', () => {
    expect(sources.map(({ file }) => file)).toContain('src/wire/messages/message.ts');
  });

  test.each(Object.keys(RULES))('%s', (rule) => {
    expect(sources.flatMap((file) => violations(rule, file))).toEqual([]);
  });
});

describe('a rule finds what breaks it', () => {
  test.each([
    ['imports only from the folders below its own', 'src/wire/a.ts', `\nimport { b } from '../auth/b.js';`],
    ['imports only from the folders below its own', 'src/service/a.ts', `\nimport {\n  b,\n} from '../client/b.js';`],
    ['imports only from the folders below its own', 'src/client/a.ts', `\nexport type { B } from '../service/b.js';`],
    ['imports only from the folders below its own', 'src/client/a.ts', `\nlet b: import('../service/b.js').B;`],
    ['imports only from the folders below its own', 'src/connection/a.ts', `\nimport '../../test/b.js';`],
    ['lies in a folder that the table of this test knows', 'src/misc/a.ts', ''],
    ['imports Node only from transport/ upward', 'src/interface/a.ts', `\nimport type { B } from 'node:net';`],
    ['imports no package', 'src/connection/a.ts', `\nawait import('ws');`],
    ['imports no package', 'src/connection/a.ts', `\nimport fs from 'fs';`],
    ['imports files by their full name, .js included', 'src/wire/a.ts', `\nimport { b } from './b';`],
    ['imports no program', 'src/client/a.ts', `\nimport './main.js';`],
    ['goes through no index.ts but the doors themselves', 'src/auth/a.ts', `\nimport { b } from '../wire/index.js';`],
    ['re-exports and does nothing else, being an index.ts', 'src/wire/index.ts', `\nexport const a = 1;`],
    ['re-exports and does nothing else, being an index.ts', 'src/wire/index.ts', `\nimport { a } from './a.js';`],
    ['has no default export', 'src/wire/a.ts', `\nexport default 1;`],
    ['has no any', 'src/wire/a.ts', `\nconst a: any = 1;`],
    ['has no any', 'src/wire/a.ts', `\nconst a = b as any;`],
    ['has no any', 'src/wire/a.ts', `\ntype A = Map<string, any>;`],
    ['has no any', 'src/wire/a.ts', `\ntype A = (...b: any[]) => void;`],
    ['opens with a comment that says what it owns', 'src/wire/a.ts', `import './b.js';`],
    ['keeps its lines within 120 columns', 'src/wire/a.ts', `\n// ${'x'.repeat(118)}`],
  ])('%s: %s %j', (rule, file, text) => {
    const where = text.startsWith('\n') ? 2 : 1;
    expect(violations(rule, source(file, text))).toEqual([expect.stringContaining(`${file}:${where}: `)]);
  });

  test('and nothing in a file that keeps them all', () => {
    const text = [
      `// Waits for any: 'as any' of these.`,
      `import { type B } from '../wire/b.js';`,
      `import { c } from './c.js'; /* import d from 'd' */`,
      `export const a = AbortSignal.any([c]); // from 'e'`,
    ];
    const file = source('src/auth/a.ts', text.join('\n'));
    expect(Object.keys(RULES).flatMap((rule) => violations(rule, file))).toEqual([]);
    const lines = ['// Door.', `export * from './wire/index.js';`, `export { a, type B } from './auth/a.js';`];
    const door = source('src/index.ts', lines.join('\n'));
    expect(Object.keys(RULES).flatMap((rule) => violations(rule, door))).toEqual([]);
  });
});

describe('the package', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, unknown>;

  test('needs nothing at run time, and three packages to be developed', () => {
    expect(Object.keys(manifest).filter((key) => /dependencies$/i.test(key))).toEqual(['devDependencies']);
    const development = Object.keys(manifest['devDependencies'] as object).sort();
    expect(development).toEqual(['@types/node', 'typescript', 'vitest']);
  });

  test('runs nothing when it is installed, and is built if it comes from git', () => {
    const scripts = Object.keys(manifest['scripts'] as object);
    const hooks = scripts.filter((name) => /^(pre|post)?(install|prepare|pack|publish)|^dependencies$/.test(name));
    expect(hooks).toEqual(['prepare']); // npm runs it for clones, git dependencies and `npm pack`, not for a tarball
  });
});

describe('the repository', () => {
  test('names no registry in its lock files', () => {
    const locks = files.filter((file) => basename(file) === 'package-lock.json');
    expect(locks).toContain('package-lock.json');
    expect(locks.filter((file) => read(file).includes('"resolved"'))).toEqual([]);
    expect(files.filter((file) => /(^|\/)(\.npmrc|yarn\.lock|pnpm-lock\.yaml)$/.test(file))).toEqual([]);
  });

  test('holds no file by accident', () => {
    const large = files.filter((file) => statSync(join(root, file)).size > 1_000_000);
    const stray = files.filter((file) => /(~|\.(orig|rej|bak|swp|tmp|tgz|log|core|pyc)|\.DS_Store)$/.test(file));
    expect([...large, ...stray]).toEqual([]);
  });
});
