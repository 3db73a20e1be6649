// Pieces of TypeScript source: literals, keys, labels and comments for any text, so that no text of another program can
// become code. It does not know interfaces. Tests: format-definitions.test.ts.

/**
 * Characters that must not appear as they are: controls, formats (which can reverse the order of text in an editor),
 * surrogates without a partner, code points without a character, and the two other line ends.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A string literal in single quotes. */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replace(INVISIBLE, escapeCharacter)}'`;
}

/** The key of a property in an object literal. `__proto__: …` would set the prototype. */
export function objectKey(name: string): string {
  if (name === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name);
}

/** A comment of one line. `start` is a word before the text, so that the text is never a directive of a tool. */
export function lineComment(start: string, text: string): string {
  return `// ${start}: ${text.replace(INVISIBLE, escapeCharacter)}`;
}

/** Words that cannot name a parameter, in strict mode. */
const RESERVED = new Set((
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends '
  + 'false finally for function if implements import in instanceof interface let new null package private protected '
  + 'public return static super switch this throw true try typeof var void while with yield'
).split(' '));

/** Different labels of a tuple for names of arguments; `arg0` and so on for arguments without a name. */
export function labels(names: readonly string[]): readonly string[] {
  const used = new Set<string>();
  return names.map((name, index) => {
    const word = name.replace(/[^A-Za-z0-9_$]/g, '_').replace(/^(?=[0-9])/, '_');
    let label = word === '' ? `arg${index}` : RESERVED.has(word) ? `${word}_` : word;
    while (used.has(label)) label += `_${index}`;
    used.add(label);
    return label;
  });
}

/** Names of the language and of its modules, which a constant of a module must not hide. */
const GLOBALS = new Set((
  'Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError Float32Array '
  + 'Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object '
  + 'Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String Symbol SyntaxError TypeError '
  + 'URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet'
).split(' '));

/** The name of a constant for the last `count` elements of an interface name: `Login1Manager`. */
export function constantName(interfaceName: string, count: number): string {
  const words = interfaceName.split('.').slice(-count);
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return GLOBALS.has(name) ? `${name}Interface` : name;
}
