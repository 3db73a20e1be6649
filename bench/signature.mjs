// The types of a signature as a small tree, and values rewritten or compared along it.
// The bench's own: what it checks the contestants with must not come from one of them. Signatures are taken as valid.

/** Alignment of each type code; what is missing here has 1. */
const ALIGNMENT = { n: 2, q: 2, i: 4, u: 4, b: 4, h: 4, s: 4, o: 4, a: 4, x: 8, t: 8, d: 8, '(': 8, '{': 8 };

/** Bytes that a value of a fixed type takes. */
export const FIXED_SIZE = { y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, h: 4, x: 8, t: 8, d: 8 };

/** The single complete types of a signature: `{ code, signature, alignment, children }`. */
export function parseTypes(signature) {
  let offset = 0;
  const single = () => {
    const start = offset;
    const code = signature[offset++];
    const children = [];
    if (code === 'a') children.push(single());
    const closing = { '(': ')', '{': '}' }[code];
    if (closing !== undefined) {
      while (signature[offset] !== closing) children.push(single());
      offset++;
    }
    return { code, signature: signature.slice(start, offset), alignment: ALIGNMENT[code] ?? 1, children };
  };
  const types = [];
  while (offset < signature.length) types.push(single());
  return types;
}

/** How values are spelt in the cases: Map, `{ signature, value }`, Uint8Array; each contestant may have other ways. */
export const OURS = {
  entriesOf: (dict) => [...dict],
  variantOf: (variant) => variant,
  bytesOf: (bytes) => bytes,
};

/** As OURS, but a dict is a plain object, as people write it. */
export const WITH_OBJECTS = {
  dict: (entries) => Object.fromEntries(entries),
  variant: (signature, value) => ({ signature, value }),
  bytes: (bytes) => bytes,
};

/** A value of the cases as a contestant takes it: `spelling` has `dict(entries, type)`, `variant(…)`, `bytes(…)`. */
export function respell(type, value, spelling) {
  const { code, children } = type;
  if (code === 'v') {
    return spelling.variant(value.signature, respell(parseTypes(value.signature)[0], value.value, spelling));
  }
  if (code === '(') return value.map((field, i) => respell(children[i], field, spelling));
  if (code !== 'a') return value;
  const [element] = children;
  if (element.code === 'y') return spelling.bytes(value);
  if (element.code !== '{') return Array.from(value, (item) => respell(element, item, spelling));
  const [keyType, valueType] = element.children;
  const entries = [...value].map(([k, v]) => [respell(keyType, k, spelling), respell(valueType, v, spelling)]);
  return spelling.dict(entries, type);
}

/** Where a contestant's value differs from that of the case, as text; undefined where it does not. */
export function difference(type, expected, actual, access, path = 'body') {
  const { code, children } = type;
  const differ = () => `${path}: expected ${show(expected)}, got ${show(actual)}`;
  if (code === 'v') {
    const { signature, value } = access.variantOf(actual);
    // Some hand over the bare value and forget its type.
    if (signature !== undefined && signature !== expected.signature) return differ();
    const [inner] = parseTypes(expected.signature);
    return difference(inner, expected.value, value, access, `${path}<${expected.signature}>`);
  }
  if (code === '(') {
    return first(children, (child, i) => difference(child, expected[i], actual[i], access, `${path}.${i}`));
  }
  if (code !== 'a') {
    const same = code === 'x' || code === 't' ? BigInt(actual) === BigInt(expected) : Object.is(actual, expected);
    return same ? undefined : differ();
  }
  const [element] = children;
  if (element.code === '{') {
    const [wanted, got] = [[...expected], access.entriesOf(actual)];
    if (wanted.length !== got.length) return differ();
    const [keyType, valueType] = element.children;
    return first(wanted, ([key, value], i) =>
      difference(keyType, key, got[i][0], access, `${path}[key ${i}]`) ??
      difference(valueType, value, got[i][1], access, `${path}[${show(key)}]`));
  }
  const items = element.code === 'y' ? access.bytesOf(actual) : actual;
  if (items.length !== expected.length) return differ();
  return first(expected, (item, i) => difference(element, item, items[i], access, `${path}[${i}]`));
}

function first(items, check) {
  for (let i = 0; i < items.length; i++) {
    const found = check(items[i], i);
    if (found !== undefined) return found;
  }
  return undefined;
}

function show(value) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `${value.constructor?.name} of ${value.length ?? value.size}`;
}
