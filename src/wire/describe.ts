// Values of a caller in the words of an error message. Whatever they are, describing them is short and never throws.

const LONGEST_SHOWN = 40;

/** A value in an error message: what it is, and how it looks where that is short. Never throws. */
export function describe(value: unknown): string {
  try {
    return words(value);
  } catch {
    return 'something that resists being looked at'; // a proxy, or a property that throws
  }
}

function words(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return `${typeof value} ${value}`;
  if (typeof value === 'string') return `string ${quote(value, LONGEST_SHOWN)}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return 'an object without prototype';
  const name: unknown = value.constructor?.name;
  if (typeof name !== 'string') return 'an object of no known class';
  return `an object of class ${name.slice(0, LONGEST_SHOWN)}`;
}

/** Text in quotes, cut after `longest` characters. */
export function quote(text: string, longest: number): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text);
}
