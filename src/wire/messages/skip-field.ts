// Passes over the header fields of a message without interpreting them, for readers that need only their bounds.
// It does not decide whether a header is valid; decode.ts does. Specification: Header Fields.
// Tests: broken-header.test.ts, readdress.test.ts.
import { FIELD_DEPTH } from '../constants.js';
import type { Reader } from '../values/reader.js';
import { checkVariant } from '../values/check.js';
import { FIELD_TYPE } from './header-fields.js';

/**
 * Passes over the next header field: the padding before it, its code and its variant. Afterwards the reader is at the
 * end of the value.
 * @throws {Fault} if the field does not end within the header, or if its variant is broken
 */
export function skipField(reader: Reader): void {
  reader.align(8, 4); // the code of the field, and a signature of one type: its length, the type, a NUL
  const { bytes, offset } = reader;
  switch (bytes[offset + 1] === 1 && bytes[offset + 3] === 0 ? bytes[offset + 2] : undefined) {
    case FIELD_TYPE.STRING:
    case FIELD_TYPE.OBJECT_PATH: {
      reader.offset = offset + 4;
      const length = reader.readUint32();
      reader.align(1, length + 1);
      reader.offset += length + 1;
      break;
    }
    case FIELD_TYPE.SIGNATURE: {
      reader.offset = offset + 4;
      reader.align(1, 1);
      const length = bytes[reader.offset++]!; // align() checked that this byte exists
      reader.align(1, length + 1);
      reader.offset += length + 1;
      break;
    }
    case FIELD_TYPE.UINT32:
      reader.offset = offset + 4;
      reader.align(4, 4);
      reader.offset += 4;
      break;
    default:
      reader.offset = offset + 1;
      checkVariant(reader, FIELD_DEPTH);
  }
}
