// Reads a service file: the name that a program provides, and the line that starts it. It does not read directories or
// start services. Tests: service-file.test.ts. Specification: Message Bus Starting Services.
import { quote } from '../../wire/describe.js';
import { isWellKnownName } from '../../wire/names.js';
import { ServiceFileError } from './errors.js';
import { splitExecLine } from './exec-line.js';

/** A service that the bus can start. */
export interface ActivatableService {
  /** The well-known name that the program provides. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** The user to run as; only a system bus can change users. */
  readonly user: string | undefined;
  /** The systemd unit of the service; only systemd can start it. */
  readonly systemdService: string | undefined;
}

const GROUP = 'D-BUS Service';
const GROUP_LINE = /^\[([^[\]\u0000-\u001f\u007f]+)\]$/;
const KEY_LINE = /^([A-Za-z0-9-]+)(?:\[[^\]]*\])?[ \t]*=[ \t]*(.*)$/;
/** The escapes of values. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['s', ' '], ['t', '\t'], ['n', '\n'], ['r', '\r'], ['\\', '\\'],
]);

/**
 * Reads the text of a service file.
 * @throws {ServiceFileError} if it is not valid
 */
export function parseServiceFile(text: string): ActivatableService {
  const keys = readKeys(text);
  const required = (key: string): string => {
    const value = keys.get(key);
    if (value === undefined || value === '') {
      throw new ServiceFileError('KEY_MISSING', `${key} is missing: [${GROUP}] must have it`);
    }
    return value;
  };
  const name = required('Name');
  if (!isWellKnownName(name)) {
    throw new ServiceFileError('VALUE_INVALID', `Name is ${quote(name, 80)}: it must be a well-known bus name`);
  }
  const command = splitExecLine(required('Exec'));
  return { name, command, user: keys.get('User'), systemdService: keys.get('SystemdService') };
}

/** The keys of the group of services. */
function readKeys(text: string): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  let group: string | undefined;
  let isFound = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^[ \t]*(#|$)/.test(line)) continue;
    const opened = GROUP_LINE.exec(line.trimEnd())?.[1];
    if (opened !== undefined) {
      group = opened;
      isFound ||= group === GROUP;
      continue;
    }
    const [, key, value] = KEY_LINE.exec(line) ?? [];
    if (key === undefined || value === undefined || group === undefined) {
      const must =
        group === undefined ? 'a group, such as [D-BUS Service]' : 'a group, a comment, or a key and its value';
      throw new ServiceFileError('LINE_INVALID', `${quote(line, 60)}: it must be ${must}`, index + 1);
    }
    if (group === GROUP && !line.slice(key.length).startsWith('[') && !keys.has(key)) {
      keys.set(key, unescapeValue(value, index + 1));
    }
  }
  if (!isFound) throw new ServiceFileError('GROUP_MISSING', `[${GROUP}] is missing: a service file must have it`);
  return keys;
}

function unescapeValue(value: string, line: number): string {
  return value.trimEnd().replaceAll(/\\([^]?)/g, (_, escaped: string) => {
    const character = ESCAPES.get(escaped);
    if (character !== undefined) return character;
    const must = 'it must be \\s, \\t, \\n, \\r or \\\\';
    throw new ServiceFileError('VALUE_INVALID', `an unknown escape ${quote(`\\${escaped}`, 4)}: ${must}`, line);
  });
}
