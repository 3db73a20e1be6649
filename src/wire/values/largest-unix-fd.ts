// The UNIX_FDs in values that were decoded: the largest index. It knows no descriptors.
// Tests: test/wire/largest-unix-fd.test.ts.
// Specification: Basic types (UNIX_FD).
import { parseSignature, type Type } from '../signature.js';
import type { Variant } from '../variant.js';

/** The largest UNIX_FD in decoded values, wherever it is in them; -1 if there is none. */
export function largestUnixFd(signature: string, values: readonly unknown[]): number {
  if (!/[hv]/.test(signature)) return -1;
  return largestOf(parseSignature(signature), values);
}

function largestOf(types: readonly Type[], values: readonly unknown[]): number {
  let largest = -1;
  for (const [index, type] of types.entries()) largest = Math.max(largest, largestIn(type, values[index]));
  return largest;
}

/** The casts: a decoded value fits its type. */
function largestIn(type: Type, value: unknown): number {
  if (!/[hv]/.test(type.signature)) return -1;
  let largest = -1;
  switch (type.kind) {
    case 'fixed':
      return value as number;
    case 'string':
      return -1;
    case 'variant': {
      const { signature, value: content } = value as Variant;
      return largestUnixFd(signature, [content]);
    }
    case 'struct':
      return largestOf(type.fields, value as readonly unknown[]);
    case 'array':
      for (const element of value as Iterable<unknown>) largest = Math.max(largest, largestIn(type.element, element));
      return largest;
    case 'dict':
      for (const [key, content] of value as ReadonlyMap<unknown, unknown>) {
        largest = Math.max(largest, largestIn(type.key, key), largestIn(type.value, content));
      }
      return largest;
  }
}
