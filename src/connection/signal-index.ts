// Finds the subscriptions that can want a signal, by its member and its path: most rules name both, and then the number
// of other subscriptions does not matter. It compares nothing else of a rule. Tests: signal-index.test.ts.
// Specification: Match Rules (member, path, path_namespace).
import { MAX_RULE_LENGTH, type MatchRule } from '../protocol/match-rule.js';

/** The keys of a rule by which the index finds its entry. */
type Keys = Pick<MatchRule, 'member' | 'path' | 'pathNamespace'>;

/** The entries whose rules name one member, or none. */
class MemberEntries<Entry> {
  readonly #byPath = new Map<string, Set<Entry>>();
  readonly #byNamespace = new Map<string, Set<Entry>>();
  readonly #anyPath = new Set<Entry>();

  get isEmpty(): boolean {
    return this.#byPath.size === 0 && this.#byNamespace.size === 0 && this.#anyPath.size === 0;
  }

  add({ path, pathNamespace }: Keys, entry: Entry): void {
    if (path !== undefined) addTo(this.#byPath, path, entry);
    else if (pathNamespace !== undefined) addTo(this.#byNamespace, pathNamespace, entry);
    else this.#anyPath.add(entry);
  }

  remove({ path, pathNamespace }: Keys, entry: Entry): void {
    if (path !== undefined) removeFrom(this.#byPath, path, entry);
    else if (pathNamespace !== undefined) removeFrom(this.#byNamespace, pathNamespace, entry);
    else this.#anyPath.delete(entry);
  }

  visit(path: string, visit: (entry: Entry) => void): void {
    this.#byPath.get(path)?.forEach(visit);
    this.#anyPath.forEach(visit);
    if (this.#byNamespace.size > 0) this.#visitNamespaces(path, visit);
  }

  /** A namespace is no longer than a rule, so that a long path costs no more than a path of that length. */
  #visitNamespaces(path: string, visit: (entry: Entry) => void): void {
    this.#byNamespace.get('/')?.forEach(visit);
    if (path === '/') return;
    for (let end = path.indexOf('/', 1); end > 0 && end <= MAX_RULE_LENGTH; end = path.indexOf('/', end + 1)) {
      this.#byNamespace.get(path.slice(0, end))?.forEach(visit);
    }
    if (path.length <= MAX_RULE_LENGTH) this.#byNamespace.get(path)?.forEach(visit);
  }
}

/** Entries by the keys of their rules. */
export class SignalIndex<Entry> {
  readonly #byMember = new Map<string | undefined, MemberEntries<Entry>>();

  add(rule: Keys, entry: Entry): void {
    let entries = this.#byMember.get(rule.member);
    if (entries === undefined) this.#byMember.set(rule.member, entries = new MemberEntries());
    entries.add(rule, entry);
  }

  remove(rule: Keys, entry: Entry): void {
    const entries = this.#byMember.get(rule.member);
    entries?.remove(rule, entry);
    if (entries?.isEmpty === true) this.#byMember.delete(rule.member);
  }

  /** Calls `visit` with each entry whose rule does not exclude the member or the path. */
  visit({ member, path }: { readonly member: string; readonly path: string }, visit: (entry: Entry) => void): void {
    this.#byMember.get(member)?.visit(path, visit);
    this.#byMember.get(undefined)?.visit(path, visit);
  }
}

function addTo<Entry>(sets: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([entry]));
  else set.add(entry);
}

function removeFrom<Entry>(sets: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const set = sets.get(key);
  set?.delete(entry);
  if (set?.size === 0) sets.delete(key);
}
