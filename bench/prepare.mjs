// What must be there before anything is measured: the peers, the product's build, the C programs. Each is made only
// when it is due. What cannot be had is left out with its reason; without the product there is nothing to measure.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const readJson = (file) => JSON.parse(readFileSync(join(here, file), 'utf8'));

/** Runs a command, whose output goes to the error output; the reason if it fails. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: here, stdio: ['ignore', 2, 2] });
  return error?.message ?? (status === 0 ? undefined : `exit code ${status}`);
}

/** Installs the peers where one is missing or of another version; the reason if that fails. */
export function installPeers() {
  const { dependencies } = readJson('package.json');
  const isThere = ([name, version]) => {
    const file = `node_modules/${name}/package.json`;
    return existsSync(join(here, file)) && readJson(file).version === version;
  };
  if (Object.entries(dependencies).every(isThere)) return undefined;
  console.error('Installing the peers (npm ci) … dbus-native asks for Node 22; its codec runs on 20.');
  // No scripts and nothing optional: a native add-on for file descriptors, which no codec needs.
  const flags = ['ci', '--ignore-scripts', '--omit=optional', '--engine-strict=false', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  return npm !== undefined ? run(process.execPath, [npm, ...flags]) : run('npm', flags);
}

/** Builds the product where its build is missing or older than its source; the reason if that fails. */
export function buildProduct() {
  return run(process.execPath, ['../scripts/setup.mjs']);
}

/** What pkg-config says; undefined where it does not know the packages. */
function pkgConfig(...args) {
  const { status, stdout } = spawnSync('pkg-config', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const PROGRAMS = {
  libdbus: { packages: ['dbus-1'] },
  'sd-bus': { packages: ['libsystemd'], extra: systemdItself },
  memcpy: { packages: [] },
  'bus-libdbus': { packages: ['dbus-1'], header: 'bus.h' },
  'bus-sd-bus': { packages: ['libsystemd'], header: 'bus.h' },
};

/** The flags for linking sd-bus against the library that systemd's own programs use, where there is one. */
function systemdItself() {
  const [version] = pkgConfig('--modversion', 'libsystemd').match(/^\d+/) ?? [];
  const isIt = (name) => name.startsWith(`libsystemd-shared-${version}`);
  const libraries = pkgConfig('--variable=libdir', 'libsystemd');
  for (const folder of [join(libraries, 'systemd'), '/usr/lib/systemd', '/lib/systemd']) {
    const library = existsSync(folder) ? readdirSync(folder).find(isIt) : undefined;
    if (library !== undefined) return { flags: ['-DFROM_BYTES', join(folder, library), `-Wl,-rpath,${folder}`] };
  }
  return { flags: [], note: 'without systemd\'s shared library, which reads bytes, dec is rewind and read all' };
}

/** Builds these C programs; for each its file, or why it is left out, and what else is to be said. */
export function buildPrograms(names) {
  const compiler = process.env.CC ?? ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
  mkdirSync(join(here, 'build/cases'), { recursive: true });
  const build = (name, needs) =>
    compiler === undefined ? { leftOut: 'no C compiler' } : buildProgram(compiler, name, needs);
  return Object.fromEntries(names.map((name) => [name, build(name, PROGRAMS[name])]));
}

function buildProgram(compiler, name, { packages, extra, header = 'contestant.h' }) {
  const [source, program] = [join(here, `c/${name}.c`), join(here, `build/${name}`)];
  const flags = packages.length === 0 ? '' : pkgConfig('--cflags', '--libs', ...packages);
  if (flags === undefined) return { leftOut: `no headers: pkg-config does not find ${packages.join(', ')}` };
  const { flags: extraFlags = [], note } = extra?.() ?? {};
  const newest = Math.max(...[source, join(here, `c/${header}`)].map((file) => statSync(file).mtimeMs));
  if (!existsSync(program) || statSync(program).mtimeMs < newest) {
    const args = ['-O2', '-o', program, source, ...extraFlags, ...flags.split(/\s+/).filter(Boolean)];
    const failure = run(compiler, args);
    if (failure !== undefined) return { leftOut: `${compiler} failed: ${failure}` };
  }
  const version = packages.length === 0 ? '' : pkgConfig('--modversion', ...packages);
  return { program, version, note };
}
