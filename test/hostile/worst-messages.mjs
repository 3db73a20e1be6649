// The valid bodies that take the most memory for their bytes. As a program, in a process with a small heap: decodes each
// with the budget in its first argument, or checks each without values if there is none, and prints what became of it.
import { checkBody, decodeBody, decodeHeader, encodeMessage, methodCall } from '../../dist/wire/index.js';

const LENGTH = 60 * 2 ** 20;

/** Signature, offset of the first element, one element in hex, bytes of it that do not follow the last. */
const REPEATED = [
  ['aa{sv}', 4, '0000000000000000', 4],
  ['aa{yy}', 4, '0000000000000000', 4],
  ['aay', 4, '00000000', 0],
  ['aay', 4, '0100000007000000', 3],
  ['aau', 4, '0400000007000000', 0],
  ['aas', 4, '050000000000000000000000', 3],
  ['av', 4, '01790007', 0],
  ['as', 4, '0200000041420000', 1],
  ['ao', 4, '010000002f000000', 2],
  ['ag', 4, '0000', 0],
  ['ag', 4, '017900', 0],
  ['a(y)', 8, '0700000000000000', 7],
  ['a(yv)', 8, '0701790007000000', 3],
  ['ab', 4, '01000000', 0],
  ['an', 4, '0700', 0],
  ['au', 4, 'ffffffff', 0],
  ['ax', 8, 'ffffffffffffff7f', 0],
  ['ad', 8, '182d4454fb210940', 0],
];

function repeated(start, digits, trailing) {
  const element = Buffer.from(digits, 'hex');
  const count = Math.floor(LENGTH / element.length);
  const body = Buffer.alloc(start + count * element.length - trailing);
  body.fill(element, start);
  body.writeUInt32LE(body.length - start, 0);
  return body;
}

/** A dict with millions of keys. */
function numbers() {
  const body = Buffer.alloc(8 + LENGTH - 3);
  body.writeUInt32LE(body.length - 8, 0);
  for (let i = 0; i < LENGTH / 8; i++) body.writeUInt32LE((i * 2654435761) % 2 ** 32, 8 + i * 8);
  return body;
}

function* messages() {
  for (const [signature, ...parts] of REPEATED) yield [signature, repeated(...parts)];
  yield ['a{uy}', numbers()];
}

const maxValues = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
for (const [signature, body] of messages()) {
  // An empty array or dict of the same signature makes the header; then the body is replaced.
  const nothing = signature.startsWith('a{') ? new Map() : [];
  const empty = encodeMessage(methodCall({ path: '/', member: 'M', signature, body: [nothing] }), { serial: 1 });
  const bodyOffset = empty.length - new DataView(empty.buffer, empty.byteOffset).getUint32(4, true);
  const bytes = Buffer.concat([empty.subarray(0, bodyOffset), body]);
  bytes.writeUInt32LE(body.length, 4);
  let result = 'valid';
  try {
    const header = decodeHeader(bytes);
    if (maxValues === undefined) checkBody(header, bytes);
    else decodeBody(header, bytes, { maxValues });
  } catch (error) {
    result = error.code;
  }
  const { heapUsed } = process.memoryUsage();
  console.log(`${signature} ${result} ${Math.round(heapUsed / 2 ** 20)}`);
}
