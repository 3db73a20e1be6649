// The JSON form of any value: one form for each type, whatever the value, so that readers can rely on it.
// It makes data for JSON.stringify, not text. It knows no bytes. (Not in the specification.)
import { argumentError, isMap, isRecord, tagOf } from './arguments.js';
import { MAX_PLAIN_DEPTH, tooDeep } from './plain.js';

/** A value that JSON can represent. */
export type JsonValue =
  | string | number | boolean | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * A value in a form that JSON.stringify writes without loss. A bigint becomes its decimal digits in a string, whatever
 * its size; NaN and the infinities, which JSON does not have, and -0, whose sign it loses, become the strings `NaN`,
 * `Infinity`, `-Infinity` and `-0`; bytes and typed arrays become arrays of numbers; a Map becomes an object, its keys
 * as text; a variant becomes `{ signature, value }`. For a form without variants, pass the result of {@link toPlain}.
 * A body is an array of values, and becomes one. The objects have no prototype.
 * @throws {ArgumentError} if the value contains something that a message cannot contain, such as a function, or is more
 *   than 128 levels deep
 */
export function toJson(value: unknown): JsonValue {
  return json(value, 0);
}

function json(value: unknown, depth: number): JsonValue {
  switch (typeof value) {
    case 'string': case 'boolean': return value;
    case 'number': return jsonNumber(value);
    case 'bigint': return value.toString();
    case 'object': return value === null ? unfit(value) : jsonObject(value, depth);
    default: return unfit(value);
  }
}

function jsonNumber(value: number): JsonValue {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

function unfit(value: unknown): never {
  throw argumentError('toJson', 'the value must be one that a message can contain', value);
}

function jsonObject(value: object, depth: number): JsonValue {
  if (depth > MAX_PLAIN_DEPTH) throw tooDeep('toJson');
  const tag = tagOf(value);
  if (tag === undefined) return unfit(value); // a revoked proxy
  if (Array.isArray(value)) return value.map((element) => json(element, depth + 1));
  if (isMap(value)) return jsonEntries(value, depth + 1);
  if (tag !== '[object DataView]' && ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as Iterable<number | bigint>, (element) => json(element, depth + 1));
  }
  if (tag === '[object Object]' && isRecord(value)) return jsonEntries(Object.entries(value), depth + 1);
  return unfit(value);
}

function jsonEntries(entries: Iterable<readonly [unknown, unknown]>, depth: number): JsonValue {
  const object = Object.create(null) as Record<string, JsonValue>; // a key can be `__proto__`
  for (const [key, value] of entries) object[textOfKey(key)] = json(value, depth);
  return object;
}

function textOfKey(key: unknown): string {
  switch (typeof key) {
    case 'string': return key;
    case 'number': case 'bigint': case 'boolean': return String(key);
    default: return unfit(key);
  }
}
