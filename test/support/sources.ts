// The files of the repository as text, and the import lines of its sources, for the tests that hold its structure.

import { readFileSync, readdirSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file whose name is relative to the repository. */
export const read = (file: string): string => readFileSync(join(root, file), 'utf8');

export interface Source {
  /** Relative to the repository, e.g. `src/wire/values/reader.ts`. */
  readonly file: string;
  readonly text: string;
  /** The text with its comments replaced by spaces, so that offsets and lines do not change. */
  readonly code: string;
}

export interface Import {
  readonly specifier: string;
  readonly offset: number;
  /** The imported file, relative to the repository; undefined unless the specifier is a relative path. */
  readonly target: string | undefined;
}

export function source(file: string, text: string): Source {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
  return { file, text, code: text.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, blank) };
}

export function imports({ file, code }: Source): Import[] {
  const statement = /\b(?:(?:import|export)\b[^;'"()]*\bfrom|(?:import|require)\s*\(?)\s*['"`]([^'"`]+)['"`]/g;
  return [...code.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? '';
    const target = /^\.\.?\//.test(specifier)
      ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
      : undefined;
    return { specifier, offset: match.index, target };
  });
}

const SKIPPED = ['node_modules', 'dist', '.git', 'build'];

/** All files below a folder of the repository, without those that are installed or built. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : filesBelow(file);
    return entry.isFile() ? [relative('.', file).replaceAll('\\', '/')] : [];
  });
}

/** The files of src. */
export function sourcesOf(files: readonly string[]): Source[] {
  return files.filter((file) => /^src\/.*\.ts$/.test(file)).map((file) => source(file, read(file)));
}
