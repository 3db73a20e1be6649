// Finds the services that a bus can start: the standard directories of a session, and the service files in them. If
// there are several files for one name, the first directory takes precedence. It does not start services. Tests:
// service-directories.test.ts. Specification: Message Bus Starting Services.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type ActivatableService, parseServiceFile } from './service-file.js';

/** A directory of service files. */
export interface ServiceDirectory {
  readonly path: string;
  /** Whether the name of each file must be that of its service: `com.example.A.service`. */
  readonly hasStrictNames: boolean;
}

/** A service file that was skipped. */
export interface SkippedFile {
  readonly file: string;
  readonly reason: string;
}

/** The services of some directories. */
export interface FoundServices {
  readonly services: ReadonlyMap<string, ActivatableService>;
  readonly skipped: readonly SkippedFile[];
}

/** Longest service file that is read, in bytes. */
const MAX_FILE_LENGTH = 65_536;
const ENDING = '.service';

/** The standard directories of a session, the most important first. Paths that are not absolute are skipped. */
export function standardSessionDirectories(environment: NodeJS.ProcessEnv): readonly ServiceDirectory[] {
  const { XDG_RUNTIME_DIR: runtime, XDG_DATA_HOME: home, XDG_DATA_DIRS: shared } = environment;
  const data = [home || join(homedir(), '.local/share'), ...(shared || '/usr/local/share:/usr/share').split(':')];
  const directories = data.filter(isAbsolute).map((path) => join(path, 'dbus-1/services'));
  return [
    ...(runtime !== undefined && isAbsolute(runtime)
      ? [{ path: join(runtime, 'dbus-1/services'), hasStrictNames: true }]
      : []),
    ...[...new Set(directories)].map((path) => ({ path, hasStrictNames: false })),
  ];
}

/** Reads all service files. A directory that does not exist counts as empty; a file that is not valid is skipped. */
export function findServices(directories: readonly ServiceDirectory[]): FoundServices {
  const services = new Map<string, ActivatableService>();
  const skipped: SkippedFile[] = [];
  for (const { path, hasStrictNames } of directories) {
    for (const name of namesIn(path, skipped)) {
      const file = join(path, name);
      try {
        const service = readServiceFile(file);
        if (hasStrictNames && name !== service.name + ENDING) {
          throw new Error(`the file must be named ${service.name}${ENDING}`);
        }
        if (!services.has(service.name)) services.set(service.name, service);
      } catch (error) {
        skipped.push({ file, reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return { services, skipped };
}

function namesIn(path: string, skipped: SkippedFile[]): readonly string[] {
  try {
    return readdirSync(path).filter((name) => name.endsWith(ENDING)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException; // all errors of readdirSync are
    if (code !== 'ENOENT') skipped.push({ file: path, reason: message });
    return [];
  }
}

function readServiceFile(file: string): ActivatableService {
  const status = statSync(file);
  if (!status.isFile()) throw new Error('it must be a regular file');
  if (status.size > MAX_FILE_LENGTH) {
    throw new Error(`the file has ${status.size} bytes: it must have at most ${MAX_FILE_LENGTH}`);
  }
  return parseServiceFile(readFileSync(file, 'utf8'));
}
