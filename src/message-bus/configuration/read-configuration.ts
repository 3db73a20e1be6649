// Reads the configuration file of a bus, in the format of dbus-daemon, with the files that it includes: addresses,
// mechanisms, directories of services, limits and policy. It checks everything before the bus starts. policy-rules.ts
// decides by the rules that are read here. Tests: read-configuration.test.ts. Reference: dbus-daemon(1), configuration
// file. (No clause of the specification.)
import { dirname, isAbsolute, join } from 'node:path';
import { type StartTag, type XmlFormat, XmlReader } from '../../interface/xml-reader.js';
import { quote } from '../../wire/describe.js';
import { requireAttributes, requireEmpty, requireText } from './elements.js';
import { ConfigurationError } from './errors.js';
import type { PolicyGroup } from './policy-rules.js';
import { type IdOf, readPolicy } from './read-policy.js';

/** The names of limits that a file can set. */
export const LIMIT_NAMES = [
  'max_incoming_bytes', 'max_incoming_unix_fds', 'max_outgoing_bytes', 'max_outgoing_unix_fds', 'max_message_size',
  'max_message_unix_fds', 'service_start_timeout', 'auth_timeout', 'pending_fd_timeout', 'max_completed_connections',
  'max_incomplete_connections', 'max_connections_per_user', 'max_pending_service_starts', 'max_names_per_connection',
  'max_match_rules_per_connection', 'max_replies_per_connection', 'reply_timeout', 'max_containers',
  'max_containers_per_user', 'max_container_metadata_bytes', 'max_connections_per_container',
] as const;

/** The name of a limit. */
export type LimitName = (typeof LIMIT_NAMES)[number];

/** A directory of service files, or the standard ones of a session. */
export type ServiceDirectory = { readonly path: string } | 'standard session directories';

/** The contents of a configuration file. */
export interface BusConfiguration {
  /** The well-known type of the bus, such as `session`. */
  readonly type: string | undefined;
  /** The addresses to listen on, in the order of the file. */
  readonly addresses: readonly string[];
  /** The mechanisms that are permitted; empty if all are. */
  readonly mechanisms: readonly string[];
  readonly allowAnonymous: boolean;
  readonly serviceDirectories: readonly ServiceDirectory[];
  readonly limits: ReadonlyMap<LimitName, number>;
  readonly policy: readonly PolicyGroup[];
  /** The elements that have no effect on this bus, each once. */
  readonly ignored: readonly string[];
}

/** The functions of the system that reading needs. */
export interface ConfigurationSource {
  /** The text of a file; undefined if there is no such file. Other errors are thrown. */
  readonly readFile: (path: string) => string | undefined;
  /** The names of the files in a directory; empty if there is no such directory. */
  readonly listDirectory: (path: string) => readonly string[];
  /** The id of a user or a group; undefined if the system does not know the name. */
  readonly idOf: IdOf;
}

/** The greatest length of a file, in UTF-16 code units, and the greatest depth of elements and of inclusions. */
const MAX_LENGTH = 2 ** 20;
const MAX_DEPTH = 16;
/** The greatest value of a limit: that of a signed integer of 32 bits. */
const MAX_LIMIT = 2 ** 31 - 1;

/** Elements of the reference that change nothing here: this bus has one process, one user and no system log. */
const IGNORED = new Set(['fork', 'keep_umask', 'syslog', 'pidfile', 'user', 'servicehelper', 'selinux', 'apparmor']);

/** The parts of a configuration, while it is read. */
class Draft {
  type: string | undefined;
  readonly addresses: string[] = [];
  readonly mechanisms: string[] = [];
  allowAnonymous = false;
  readonly serviceDirectories: ServiceDirectory[] = [];
  readonly limits = new Map<LimitName, number>();
  readonly policy: PolicyGroup[] = [];
  readonly ignored = new Set<string>();
}

/**
 * Reads a configuration file and the files that it includes.
 * @throws {ConfigurationError} if a file is not valid, or cannot be read
 */
export function readConfiguration(path: string, source: ConfigurationSource): BusConfiguration {
  const draft = new Draft();
  new ConfigurationReader(draft, source).readFile(path, []);
  return { ...draft, ignored: [...draft.ignored] };
}

/** Reads files into one draft. */
class ConfigurationReader {
  readonly #draft: Draft;
  readonly #source: ConfigurationSource;

  constructor(draft: Draft, source: ConfigurationSource) {
    this.#draft = draft;
    this.#source = source;
  }

  /** `including`: the files that include this one, the outermost first. */
  readFile(path: string, including: readonly string[], mayBeMissing = false): void {
    if (including.includes(path)) {
      const problem = 'the file includes itself: it must be included by other files only';
      throw new ConfigurationError('INCLUDE_INVALID', problem, { file: path });
    }
    if (including.length >= MAX_DEPTH) {
      const problem = `files include one another ${including.length} deep: at most ${MAX_DEPTH}`;
      throw new ConfigurationError('INCLUDE_INVALID', problem, { file: path });
    }
    const text = this.#read(path);
    if (text === undefined) {
      if (mayBeMissing) return;
      throw new ConfigurationError('FILE_UNREADABLE', 'there is no such file', { file: path });
    }
    const reader = new XmlReader(text, formatOf(path));
    const root = reader.root();
    requireAttributes(reader, root, []);
    for (let tag = reader.next(); tag?.kind === 'start'; tag = reader.next()) {
      this.#readElement(reader, tag, path, including);
    }
    reader.next(); // throws if anything other than comments follows
  }

  #read(path: string): string | undefined {
    try {
      return this.#source.readFile(path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigurationError('FILE_UNREADABLE', reason, { file: path }, { cause });
    }
  }

  #readElement(reader: XmlReader, tag: StartTag, file: string, including: readonly string[]): void {
    const draft = this.#draft;
    const text = (): string => {
      requireAttributes(reader, tag, []);
      return requireText(reader, tag);
    };
    switch (tag.name) {
      case 'type': draft.type = text(); break;
      case 'listen': draft.addresses.push(text()); break;
      case 'auth': draft.mechanisms.push(text()); break;
      case 'servicedir': draft.serviceDirectories.push({ path: resolvePath(text(), file) }); break;
      case 'standard_session_servicedirs':
        requireAttributes(reader, tag, []);
        requireEmpty(reader, tag);
        draft.serviceDirectories.push('standard session directories');
        break;
      case 'allow_anonymous':
        requireAttributes(reader, tag, []);
        requireEmpty(reader, tag);
        draft.allowAnonymous = true;
        break;
      case 'limit': this.#readLimit(reader, tag); break;
      case 'policy': {
        const group = readPolicy(reader, tag, (kind, name) => this.#idOf(kind, name));
        if (group !== undefined) draft.policy.push(group);
        break;
      }
      case 'include': this.#include(reader, tag, file, including); break;
      case 'includedir': {
        const directory = resolvePath(text(), file);
        const names = [...this.#source.listDirectory(directory)].filter((name) => name.endsWith('.conf')).sort();
        for (const name of names) this.readFile(join(directory, name), [...including, file]);
        break;
      }
      default:
        if (!IGNORED.has(tag.name)) {
          throw reader.error('MARKUP_INVALID', `unknown element <${tag.name.slice(0, 40)}>`, tag.offset);
        }
        draft.ignored.add(tag.name);
        if (tag.name === 'selinux') skipElement(reader);
        else reader.readText();
    }
  }

  /** The id of a user or a group. A name that the system does not know is added to the list of ignored parts. */
  #idOf(kind: 'user' | 'group', name: string): number | undefined {
    if (/^[0-9]{1,10}$/.test(name)) return Number(name);
    const id = this.#source.idOf(kind, name);
    if (id === undefined) this.#draft.ignored.add(`${kind} ${quote(name, 40)}, which the system does not know`);
    return id;
  }

  #include(reader: XmlReader, tag: StartTag, file: string, including: readonly string[]): void {
    requireAttributes(reader, tag, ['ignore_missing', 'if_selinux_enabled', 'selinux_root_relative']);
    const mayBeMissing = yesOrNo(reader, tag, 'ignore_missing');
    const needsSelinux = yesOrNo(reader, tag, 'if_selinux_enabled');
    yesOrNo(reader, tag, 'selinux_root_relative');
    const path = resolvePath(requireText(reader, tag), file);
    if (!needsSelinux) this.readFile(path, [...including, file], mayBeMissing);
  }

  #readLimit(reader: XmlReader, tag: StartTag): void {
    requireAttributes(reader, tag, ['name']);
    const name = tag.attributes.get('name');
    if (name === undefined) {
      throw reader.error('ATTRIBUTE_MISSING', '<limit> without name: it must have it', tag.offset);
    }
    const limit = LIMIT_NAMES.find((known) => known === name);
    if (limit === undefined) throw reader.error('VALUE_INVALID', `unknown limit ${quote(name, 60)}`, tag.offset);
    const text = requireText(reader, tag);
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= MAX_LIMIT)) {
      const must = `it must be an integer from 0 to ${MAX_LIMIT}`;
      throw reader.error('VALUE_INVALID', `limit ${name} is ${quote(text, 40)}: ${must}`, tag.offset);
    }
    this.#draft.limits.set(limit, value);
  }
}

function formatOf(file: string): XmlFormat {
  return {
    kind: 'configuration file',
    root: 'busconfig',
    maxLength: MAX_LENGTH,
    maxDepth: MAX_DEPTH,
    hasLooseText: false,
    makeError: (code, problem, { line }, options) => new ConfigurationError(code, problem, { file, line }, options),
  };
}

function yesOrNo(reader: XmlReader, tag: StartTag, attribute: string): boolean {
  const value = tag.attributes.get(attribute) ?? 'no';
  if (value === 'yes' || value === 'no') return value === 'yes';
  const problem = `${attribute} is ${quote(value, 40)}: it must be yes or no`;
  throw reader.error('VALUE_INVALID', problem, tag.offset);
}

/** Reads up to the end of the element whose start tag was read last. */
function skipElement(reader: XmlReader): void {
  for (let depth = 1; depth > 0;) depth += reader.next()?.kind === 'start' ? 1 : -1;
}

function resolvePath(path: string, file: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}
