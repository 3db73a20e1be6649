// Compares types with types, and runs the compiler on files that the tests write. They import the declarations of dist/,
// which `npm test` builds first: the compiler does not check those again for each test.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** True exactly if A and B are the same type; mere assignability, also both ways, is not enough. */
export type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Does nothing; `same<Same<A, B>>()` compiles only if A and B are the same type. */
export function same<_ extends true>(): void {}

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** One message of the compiler. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Compilation {
  /** Everything that the compiler printed. */
  readonly output: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Of `--extendedDiagnostics`: type instantiations, the compiler's unit of work, equal in every run. */
  readonly instantiations: number;
}

/** Runs the project's own compiler, with one thread and without garbage collection: this is faster for small inputs. */
function compile(project: string): Promise<Compilation> {
  const compiler = join(repository, 'node_modules', '.bin', 'tsc');
  return new Promise((resolve, reject) => {
    const args = ['-p', project, '--pretty', 'false', '--skipDefaultLibCheck', '--extendedDiagnostics', '--singleThreaded'];
    const options = { cwd: repository, env: { ...process.env, GOGC: 'off' }, maxBuffer: 2 ** 26 };
    execFile(compiler, args, options, (error, output, errors) => {
      if (error !== null && typeof error.code !== 'number') return reject(error); // it could not be run at all
      const lines = [...output.matchAll(/^(.+?)\((\d+),(\d+)\): error TS\d+: (.*)$/gm)];
      resolve({
        output: output + errors,
        diagnostics: lines.map(([, file = '', line, column, message = '']) => (
          { file, line: Number(line), column: Number(column), message }
        )),
        instantiations: Number(/^Instantiations:\s+(\d+)$/m.exec(output)?.[1]),
      });
    });
  });
}

/**
 * Compiles one file of the given text, and others of the given names beside it, which may import `SRC/…` as the
 * declarations of the sources.
 */
export async function compileText(text: string, others: Readonly<Record<string, string>> = {}): Promise<Compilation> {
  const directory = await mkdtemp(join(tmpdir(), 'dbus-wire-types-'));
  try {
    await Promise.all([
      ...Object.entries({ ...others, 'case.ts': text }).map(([name, content]) => (
        writeFile(join(directory, name), content.replaceAll('SRC/', join(repository, 'dist/')))
      )),
      writeFile(join(directory, 'package.json'), '{ "type": "module" }'),
      writeFile(join(directory, 'tsconfig.json'), JSON.stringify({
        extends: join(repository, 'tsconfig.json'),
        compilerOptions: { noEmit: true, rootDir: '/', types: [], skipLibCheck: true },
        include: ['*.ts'],
      })),
    ]);
    return await compile(join(directory, 'tsconfig.json'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Compiles many texts in one run of the compiler. Returns a function that adds a text under a name; this one returns a
 * function that resolves to the diagnostics for that text. All texts must be added before the first diagnostics are
 * requested.
 */
export function compileTogether(): (name: string, text: string) => () => Promise<readonly Diagnostic[]> {
  const texts: Record<string, string> = {};
  let compilation: Promise<Compilation> | undefined;
  return (name, text) => {
    texts[`${name}.ts`] = text;
    return async () => {
      compilation ??= compileText('', texts);
      const { diagnostics } = await compilation;
      return diagnostics.filter(({ file }) => file.endsWith(`/${name}.ts`) || file === `${name}.ts`);
    };
  };
}

/** Deterministic random numbers below `limit`, so that a failing case can be made again from its seed. */
export function randomBelow(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
