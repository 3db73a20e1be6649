// The rules that no compiler checks: which folder may import which, and which files may be in the repository.
// Each rule looks at one source file and names the lines that break it, so that a failure reads as a list of places.
// docs/architecture.md says the same in words.

import { existsSync, statSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, imports, read, root, type Source, source, sourcesOf } from './support/sources.js';

const LIBRARY = ['wire', 'auth', 'protocol', 'interface', 'transport', 'connection'];
const PROGRAM = ['wire', 'protocol', 'interface', 'connection', 'random-data.ts', 'program-options.ts', 'program-output.ts'];

/** Folder of src/ (or file directly in it) to the folders that it may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  auth: ['wire'],
  protocol: ['wire'],
  interface: ['wire', 'protocol'],
  transport: ['wire', 'auth', 'protocol'],
  connection: ['wire', 'auth', 'protocol', 'transport'],
  service: ['wire', 'protocol', 'interface', 'connection'],
  client: ['wire', 'protocol', 'interface', 'connection'],
  'message-bus': LIBRARY,
  'message-bus/program': [...LIBRARY, 'message-bus', 'program-options.ts', 'program-output.ts'],
  'random-data.ts': ['wire', 'interface'],
  'program-options.ts': ['wire', 'protocol', 'connection'],
  'program-output.ts': ['wire'],
  'service/random-data': [...PROGRAM, 'service'], // no folder may import a program
  'client/random-data': [...PROGRAM, 'client'],
  'index.ts': [...LIBRARY, 'service', 'client'],
};
const PURE = ['wire', 'auth', 'protocol', 'interface', 'random-data.ts', 'index.ts'];

/** The key of the table that a file belongs to: the longest that its path begins with. */
function folderOf(file: string): string {
  const [, first = '', second = ''] = file.split('/');
  return `${first}/${second}` in MAY_IMPORT ? `${first}/${second}` : first;
}

/** The files that work on every message: an object spread in them costs more than the rest of their work. */
const PER_MESSAGE = /^src\/(wire\/(values|messages)|transport|connection|client|service|message-bus)\/(?!(random-data|program|activation|configuration)\/)/;
/** Those among them that work once for a connection, a question to the bus, a name, a rule or an object. */
const ONCE = new Set([
  'src/client/introspect.ts',
  'src/connection/open-bus.ts', 'src/connection/name-requests.ts', 'src/connection/bus-queries.ts',
  'src/connection/hello.ts', 'src/connection/listen.ts', 'src/connection/match-requests.ts', 'src/connection/name-owners.ts',
  'src/connection/namespace-owners.ts', 'src/connection/monitor.ts', 'src/connection/own-name.ts',
  'src/connection/subscription.ts', 'src/service/exported-interface.ts',
  'src/transport/socket.ts', 'src/transport/tcp.ts',
  'src/message-bus/limits.ts', 'src/message-bus/driver/driver.ts', 'src/message-bus/driver/interfaces.ts',
]);

const RE_EXPORT = /^export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+';$/;

/** Rule to a function that gives the offset of each place in which a file breaks it. */
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
  'leaves Reader and Writer to wire/': (source) =>
    folderOf(source.file) === 'wire'
      ? []
      : imports(source)
          .filter(({ target }) => /^src\/wire\/values\/(reader|writer)\.ts$/.test(target ?? ''))
          .map(({ offset }) => offset),
  'has tests of its name, or names them in its first comment': ({ file, text }) =>
    testsOf(file, text).some((test) => existsSync(join(root, test))) ? [] : [0],
  'spreads no object where it works on every message': ({ file, code }) =>
    PER_MESSAGE.test(file) && !ONCE.has(file)
      ? objectSpreads(code).filter((offset) => /^ /m.test(code.slice(code.lastIndexOf('\n', offset) + 1, offset)))
      : [], // not those at the start of a line: they run once
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

/** The offsets of `...` directly inside braces: objects that are copied, and rests of objects. */
function objectSpreads(code: string): number[] {
  const found: number[] = [];
  const open: string[] = [];
  for (const { 0: token, index } of code.matchAll(/'(?:[^'\\\n]|\\.)*'|\.\.\.|[()[\]{}]/g)) {
    if (token === '...') {
      if (open.at(-1) === '{') found.push(index);
    } else if ('([{'.includes(token)) open.push(token);
    else if (')]}'.includes(token)) open.pop();
  }
  return found;
}

/**
 * Where the tests of a source may be: under its own path, in a file that its first comment names, or, for the errors of
 * a layer, in the test of the page of all errors.
 */
function testsOf(file: string, text: string): string[] {
  if (basename(file) === 'errors.ts') return ['test/errors.test.ts'];
  const path = file.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts');
  const comment = /^(#!.*\n)?(\/\/.*\n|\/\*[^]*?\*\/)+/.exec(text)?.[0] ?? '';
  const named = [...comment.matchAll(/[\w./-]+\.test\.ts/g)].map(([name]) => name);
  return [path, ...named.flatMap((name) => [name, posix.join(posix.dirname(path), name)])];
}

const places = (text: string, pattern: RegExp): number[] => [...text.matchAll(pattern)].map(({ index }) => index);

function violations(rule: string, file: Source): string[] {
  return (RULES[rule]?.(file) ?? []).map((offset) => {
    const before = file.text.slice(0, offset).split('\n');
    return `${file.file}:${before.length}: ${file.text.split('\n')[before.length - 1]?.trim()}`;
  });
}

/** The sets of files of which each leads to each. */
function circles(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const reachedFrom = new Map([...targets.keys()].map((file) => [file, new Set<string>()]));
  for (const [file, reached] of reachedFrom) {
    const waiting = [...(targets.get(file) ?? [])];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      waiting.push(...(targets.get(next) ?? []));
    }
  }
  const leadsTo = (from: string, to: string): boolean => reachedFrom.get(from)?.has(to) ?? false;
  const inCircles = [...targets.keys()].filter((file) => leadsTo(file, file));
  const groups = inCircles.map((file) => inCircles.filter((other) => leadsTo(file, other) && leadsTo(other, file)));
  return groups.filter(([first], index) => first === inCircles[index]); // each once, by its first file
}

const files = filesBelow('.');
const sources = sourcesOf(files);

describe('every file in src', () => {
  test('is found by this test', () => {
    expect(sources.map(({ file }) => file)).toContain('src/wire/messages/message.ts');
  });

  test.each(Object.keys(RULES))('%s', (rule) => {
    expect(sources.flatMap((file) => violations(rule, file))).toEqual([]);
  });
});

describe('imports', () => {
  test('are never circular, and neither are those of types', () => {
    const targets = new Map(sources.map((file) => [file.file, imports(file).flatMap(({ target }) => target ?? [])]));
    expect(circles(targets)).toEqual([]);
  });

  test('that are circular are found', () => {
    const targets = new Map([['a', ['b', 'd']], ['b', ['c']], ['c', ['b', 'd']], ['d', []], ['e', ['e']]]);
    expect(circles(targets)).toEqual([['b', 'c'], ['e']]);
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
    ['imports only from the folders below its own', 'src/client/a.ts', `\nimport './random-data/b.js';`],
    ['imports only from the folders below its own', 'src/client/random-data/a.ts', `\nimport '../../service/b.js';`],
    ['leaves Reader and Writer to wire/', 'src/transport/a.ts', `\nimport { Writer } from '../wire/values/writer.js';`],
    ['has tests of its name, or names them in its first comment', 'src/wire/a.ts', `// Tests: b.test.ts.`],
    ['spreads no object where it works on every message', 'src/wire/values/a.ts', `\n  const a = { b, ...c };`],
    [
      'spreads no object where it works on every message', 'src/client/proxy-method.ts',
      `\n  f([{ b() {}, ...g(...d) }]);`,
    ],
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

  test('and nothing in a file that obeys all rules', () => {
    const text = [
      `// Waits for any: 'as any' of these. Tests: command.test.ts.`,
      `import { type B } from '../wire/b.js';`,
      `import { c } from './c.js'; /* import d from 'd' */`,
      `export const a = AbortSignal.any([c]); // from 'e'`,
    ];
    const file = source('src/auth/a.ts', text.join('\n'));
    expect(Object.keys(RULES).flatMap((rule) => violations(rule, file))).toEqual([]);
    const lines = ['// Door. Tests: test/architecture.test.ts.', `export * from './wire/index.js';`, `export { a, type B } from './auth/a.js';`];
    const door = source('src/index.ts', lines.join('\n'));
    expect(Object.keys(RULES).flatMap((rule) => violations(rule, door))).toEqual([]);
  });
});

describe('the package', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, unknown>;

  test('needs no packages at run time, and three for development', () => {
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

describe('the tests', () => {
  test('with an extent are imported by a heavy test, so that `npm run test:heavy` runs all of them', () => {
    const suites = files.filter((file) => /^test\/.*(?<!\.heavy)\.test\.ts$/.test(file)).map((file) => source(file, read(file)));
    const withExtent = suites.filter((suite) => imports(suite).some(({ target }) => target === 'test/support/extent.ts'));
    expect(withExtent).not.toEqual([]);
    const isRunInFull = ({ file }: Source): boolean => {
      const heavy = file.replace(/\.test\.ts$/, '.heavy.test.ts');
      return files.includes(heavy) && imports(source(heavy, read(heavy))).some(({ target }) => target === file);
    };
    expect(withExtent.filter((suite) => !isRunInFull(suite)).map(({ file }) => file)).toEqual([]);
  });

  test('that any file names exist', () => {
    const suites = files.filter((file) => file.endsWith('.test.ts'));
    const names = new Set(suites.map((file) => basename(file)));
    const texts = files.filter((file) => /\.(ts|mjs|md|json)$/.test(file) && file !== 'test/architecture.test.ts');
    const wrong = texts.flatMap((file) => {
      const named = Array.from(read(file).matchAll(/(?<![\w./*-])[\w/-][\w./-]*\.test\.ts(?!\w)/g), ([name]) => name);
      const exists = (name: string): boolean => (name.startsWith('test/') ? suites.includes(name) : names.has(basename(name)));
      return named.filter((name) => !/^NAME\./.test(name) && !exists(name)).map((name) => `${file}: ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  test('remove the temporary folders that they make', () => {
    const makers = files.filter((file) => /^test\/.*\.(ts|mjs)$/.test(file) && /\bmkdtemp(Sync)?\(/.test(read(file)));
    expect(makers).toContain('test/support/reaper.ts');
    expect(makers.filter((file) => !/\brm(Sync)?\(|\brm -rf /.test(read(file)))).toEqual([]);
  });
});

describe('the repository', () => {
  test('contains no address of a registry in its lock files', () => {
    const locks = files.filter((file) => basename(file) === 'package-lock.json');
    expect(locks).toContain('package-lock.json');
    expect(locks.filter((file) => read(file).includes('"resolved"'))).toEqual([]);
    expect(files.filter((file) => /(^|\/)(\.npmrc|yarn\.lock|pnpm-lock\.yaml)$/.test(file))).toEqual([]);
  });

  test('contains no unexpected file', () => {
    const large = files.filter((file) => statSync(join(root, file)).size > 1_000_000);
    const stray = files.filter((file) => /(~|\.(orig|rej|bak|swp|tmp|tgz|log|core|pyc)|\.DS_Store)$/.test(file));
    expect([...large, ...stray]).toEqual([]);
  });
});
