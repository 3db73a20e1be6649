// Executes the examples of README.md, and in `npm run test:heavy` those of docs/, which are only type-checked in `npm
// test`: every block in ts or js is its own module, `dbus-wire` in it is the package as built, and what it prints is
// exactly what its comments `// → …` say, line by line. The blocks run at the same time.
// After the language a block may have a file name, by which others of the page import it (```ts counter.ts), and the
// word no-run: then it is type-checked only. With with:service.ts, the block of that name runs beside it, from the moment
// it has printed everything. A block that uses a bus gets one of its own, as session bus and as system bus. A block may go
// on forever, as a service does: once it has printed everything, it is given a moment and ended.
// Needs dist/, which `npm test` builds first.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { extent, heavyDescribeWith } from './support/extent.js';
import { type PrivateBus, startPrivateBus } from './support/private-bus.js';
import { reasonToSkip, run, start } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Milliseconds for a block to end, or to show that it goes on, after its last promised line. */
const GRACE = extent(500, 1_500);

interface Block {
  readonly page: string;
  readonly language: 'ts' | 'js';
  /** Relative to the scratch directory. */
  readonly file: string;
  /** Relative to the directory of the compiled files. */
  readonly output: string;
  readonly isRun: boolean;
  /** The block that runs beside this one, as its `output`; undefined for none. */
  readonly companion: string | undefined;
  readonly code: string;
  /** The output that it must print. */
  readonly promised: readonly string[];
}

const FENCE = /^```(ts|js)\b[ \t]*([^\n]*)\n(.*?)^```$/gms;

function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(join(repository, page), 'utf8');
  const directory = page.replace(/\W/g, '-');
  return [...text.matchAll(FENCE)].map(({ 1: language, 2: info = '', 3: code = '', index }) => {
    const words = info.split(' ').filter((word) => word !== '' && !word.startsWith('with:'));
    const beside = /\bwith:(\S+)/.exec(info)?.[1];
    const companion = beside === undefined ? undefined : join(directory, beside).replace(/ts$/, 'js');
    const line = text.slice(0, index).split('\n').length;
    const name = words.find((word) => /\.[jt]s$/.test(word)) ?? `line-${line}.${language}`;
    const file = join(directory, name);
    const promised = [...code.matchAll(/\/\/ → ?(.*)$/gm)].map(([, output = '']) => output.trimEnd());
    const isRun = !words.includes('no-run');
    return {
      page, language: language as Block['language'], file, output: file.replace(/ts$/, 'js'), isRun, companion, code,
      promised,
    };
  });
}

const docs = existsSync(join(repository, 'docs')) ? readdirSync(join(repository, 'docs')).sort() : [];
const pages = ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
const blocks = pages.flatMap(blocksOf);

/** Whether a block, or one that it imports, talks to a bus. */
function needsBus({ code, file }: Block): boolean {
  if (/\b(sessionBus|systemBus|connectToBus)\(/.test(code)) return true;
  const imported = [...code.matchAll(/ from '\.\/([^']+)'/g)].map(([, name = '']) => join(dirname(file), name));
  return blocks.some((block) => imported.includes(block.output) && block.output !== file && needsBus(block));
}

let scratch: string;
let compiled: string;

function write(file: string, text: string): void {
  mkdirSync(dirname(join(scratch, file)), { recursive: true });
  writeFileSync(join(scratch, file), text);
}

beforeAll(() => {
  if (!existsSync(join(repository, 'dist'))) throw new Error('dist/ is not there: `npm run build` first');
  scratch = scratchDirectory();
  compiled = join(scratch, 'compiled');
  write('package.json', '{ "type": "module" }');
  mkdirSync(join(scratch, 'node_modules'));
  symlinkSync(repository, join(scratch, 'node_modules', 'dbus-wire'));
  for (const { file, language, code } of blocks) write(language === 'js' ? join('compiled', file) : file, code);
});

describe('the pages', () => {
  test('have examples', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', join('docs', 'wire.md')]));
    expect(blocks.length).toBeGreaterThan(10);
    expect(new Set(blocks.map(({ output }) => output)).size, 'file names, each once').toBe(blocks.length);
  });

  test('type-check', async () => {
    const compilerOptions = {
      strict: true, target: 'ES2022', module: 'NodeNext', lib: ['ES2023', 'ESNext.Disposable'], types: ['node'],
      typeRoots: [join(repository, 'node_modules/@types')], rootDir: '.', outDir: 'compiled',
      skipLibCheck: true, // package.heavy.test.ts checks the declarations
    };
    const files = blocks.filter(({ language }) => language === 'ts').map(({ file }) => file);
    write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    const compiler = join(repository, 'node_modules/typescript/bin/tsc');
    const { stdout, code } = await run(process.execPath, [compiler, '-p', '.', '--singleThreaded'], {
      cwd: scratch, env: { GOGC: 'off' }, timeout: 60_000, // the compiler collects no garbage: that is faster
    });
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
  });

  test('refer only to files of this repository that exist', () => {
    for (const page of pages) {
      const text = readFileSync(join(repository, page), 'utf8');
      const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
      const missing = targets.filter((target) => !/^\w+:/.test(target))
        .filter((target) => !existsSync(join(repository, dirname(page), target)));
      expect(missing, page).toEqual([]);
    }
  });
});

type Environment = Readonly<Record<string, string | undefined>>;

function environmentOf(privateBus: PrivateBus | undefined): Environment {
  return privateBus === undefined ? {} : { ...privateBus.env, DBUS_SYSTEM_BUS_ADDRESS: privateBus.address };
}

/** Starts a block as its own process. */
function startBlock(output: string, env: Environment): ReturnType<typeof start> {
  const options = { cwd: join(compiled, dirname(output)), env: { ...env, NO_COLOR: '1' } };
  return start(process.execPath, [join(compiled, output)], options);
}

/** Runs a block, beside its companion if it has one, and returns the lines that it printed. */
async function runBlock(block: Block, env: Environment): Promise<readonly string[]> {
  if (block.companion !== undefined) {
    await using companion = await startBlock(block.companion, env);
    const promised = blocks.find(({ output }) => output === block.companion)?.promised ?? [];
    for (const line of promised) expect((await companion.line(/^.*/))[0]).toBe(line);
    return await runBlock({ ...block, companion: undefined }, env);
  }
  await using program = await startBlock(block.output, env);
  try {
    for (const _ of block.promised) await program.line(/^/);
  } catch {
    // Less output than promised: the comparison shows what is missing, or standard error the reason.
  }
  const timeout = new Promise<undefined>((resolve) => setTimeout(resolve, GRACE, undefined).unref());
  const ended = await Promise.race([program.ended, timeout]);
  expect(program.stderr).toBe('');
  if (ended !== undefined) expect(ended).toMatchObject({ code: 0 });
  return program.stdout.split('\n').slice(0, -1).map((line) => line.trimEnd());
}

const RUN_PAGES = extent(['README.md'], pages).filter((page) => blocks.some((block) => block.page === page));

describe.concurrent.each(RUN_PAGES)('%s', (page) => {
  const ofPage = blocks.filter((block) => block.page === page && block.isRun);
  const reason = ofPage.some(needsBus) ? reasonToSkip('dbus-daemon') : undefined;
  if (reason !== undefined) process.stderr.write(`skipped, examples of ${page} that need a bus: ${reason}\n`);

  for (const block of ofPage) {
    test.skipIf(needsBus(block) && reason !== undefined)(block.file, async () => {
      await using bus = needsBus(block) ? await startPrivateBus() : undefined;
      expect(await runBlock(block, environmentOf(bus))).toEqual(block.promised);
    });
  }
});

heavyDescribeWith('dbus-daemon')('the services of the pages', () => {
  test.each(blocks.filter(({ file, page }) => basename(file) === 'service.ts' && RUN_PAGES.includes(page)))('$file ends with an error if its bus dies', async (block) => {
    await using dying = await startPrivateBus();
    await using service = await startBlock(block.output, environmentOf(dying));
    await service.line('ready');
    await dying.stop('SIGKILL');
    const { code, stderr } = await service.end();
    expect(stderr).toContain('the peer closed the connection');
    expect(code).toBe(1);
  });
});
