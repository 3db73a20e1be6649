// Messages as bytes, any of which can be wrong: fields are given one by one, and nothing checks their contents.
import { marshal } from '../../src/wire/values/marshal.js';
import { variant } from '../../src/wire/variant.js';

/** Code, type and value of a header field. */
export type RawField = readonly [code: number, type: string, value: unknown];

export interface RawMessage {
  readonly type: number;
  readonly fields: readonly RawField[];
  readonly flags?: number;
  readonly serial?: number;
  readonly mark?: string;
  readonly version?: number;
  readonly body?: Uint8Array;
  /** The length of the body that the header gives, if it is wrong on purpose. */
  readonly bodyLength?: number;
  /** The length of the fields that the header gives, if it is wrong on purpose. */
  readonly fieldsLength?: number;
  /** A text in the bytes, and the text that replaces it, of the same length in bytes. */
  readonly replace?: readonly [from: string, to: string];
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

export function rawMessage(message: RawMessage): Buffer {
  const { type, fields, flags = 0, serial = 1, mark = 'l', version = 1, body = new Uint8Array(0) } = message;
  const byteOrder = mark === 'B' ? 'big' : 'little';
  const bodyLength = message.bodyLength ?? body.length;
  const array = fields.map(([code, fieldType, value]) => [code, variant(fieldType, value as never)]);
  const head = [mark.charCodeAt(0), type, flags, version, bodyLength, serial, array];
  const header = marshal('yyyyuua(yv)', head as never, { byteOrder });
  const padded = Buffer.alloc((header.length + 7) & ~7);
  padded.set(header);
  if (message.fieldsLength !== undefined) padded.writeUInt32LE(message.fieldsLength, 12);
  const whole = Buffer.concat([padded, body]);
  if (message.replace !== undefined) {
    const [from, to] = message.replace;
    const at = whole.indexOf(latin1(from));
    if (at < 0 || from.length !== to.length) throw new Error(`${from} is not there, or ${to} is not as long`);
    whole.set(latin1(to), at);
  }
  return whole;
}
