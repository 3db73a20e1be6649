// The header fields that are names, as one table; the types of header fields; which fields each message type requires.
// Encoding and decoding both follow it. It knows no bytes. Specification: Header Fields, Message Types.
// Tests: message.test.ts, test/wire/invalid.test.ts.
import { type HeaderField, LOCAL_INTERFACE, LOCAL_PATH, MESSAGE_TYPE_CODE } from '../constants.js';
import { quote } from '../describe.js';
import type { NameKind, UnmarshalErrorCode } from '../errors.js';
import {
  assertBusName, assertErrorName, assertInterfaceName, assertMemberName, assertObjectPath, isErrorName, isInterfaceName,
  isMemberName, isObjectPath, isReceivableBusName,
} from '../names.js';

/** The types that known header fields have, as the ASCII code in the signature of a field's variant. */
export const FIELD_TYPE = { STRING: 0x73, OBJECT_PATH: 0x6f, SIGNATURE: 0x67, UINT32: 0x75 } as const;

/** The keys of a message whose header fields are names or object paths. */
export type NameKey = 'path' | 'interface' | 'member' | 'errorName' | 'destination' | 'sender';
/** The keys of a message that a message type may require. */
export type RequiredKey = NameKey | 'replySerial';
/** The name that the specification gives a header field. */
export type FieldName = keyof typeof HeaderField;

/** A header field whose value is a name or an object path. */
export interface NameField {
  readonly name: FieldName;
  readonly typeCode: number;
  readonly kind: NameKind;
  /** Checks a value to be sent; throws an InvalidNameError. */
  readonly assert: (value: unknown) => void;
  /** Whether a received value is valid. */
  readonly accepts: (value: string) => boolean;
  /** The error code of a received value that is not valid. */
  readonly invalid: UnmarshalErrorCode;
  /**
   * The prefix of reserved values, and the error code of a received one: the reference implementation closes a
   * connection on which such a value arrives.
   */
  readonly reserved?: { readonly prefix: string; readonly code: UnmarshalErrorCode };
}

/** Characters of a name that an error text shows. */
export const LONGEST_SHOWN = 64;

const { STRING, OBJECT_PATH } = FIELD_TYPE;

/** The header fields that are names, by their keys in a message. */
export const NAME_FIELD: Readonly<Record<NameKey, NameField>> = {
  path: {
    name: 'PATH',
    typeCode: OBJECT_PATH,
    kind: 'object path',
    assert: assertObjectPath,
    accepts: isObjectPath,
    invalid: 'OBJECT_PATH_INVALID',
    reserved: { prefix: LOCAL_PATH, code: 'PATH_RESERVED' },
  },
  interface: {
    name: 'INTERFACE',
    typeCode: STRING,
    kind: 'interface name',
    assert: assertInterfaceName,
    accepts: isInterfaceName,
    invalid: 'INTERFACE_INVALID',
    reserved: { prefix: LOCAL_INTERFACE, code: 'INTERFACE_RESERVED' },
  },
  member: {
    name: 'MEMBER',
    typeCode: STRING,
    kind: 'member name',
    assert: assertMemberName,
    accepts: isMemberName,
    invalid: 'MEMBER_INVALID',
  },
  errorName: {
    name: 'ERROR_NAME',
    typeCode: STRING,
    kind: 'error name',
    assert: assertErrorName,
    accepts: isErrorName,
    invalid: 'ERROR_NAME_INVALID',
  },
  destination: {
    name: 'DESTINATION',
    typeCode: STRING,
    kind: 'bus name',
    assert: assertBusName,
    accepts: isReceivableBusName,
    invalid: 'DESTINATION_INVALID',
  },
  sender: {
    name: 'SENDER',
    typeCode: STRING,
    kind: 'bus name',
    assert: assertBusName,
    accepts: isReceivableBusName,
    invalid: 'SENDER_INVALID',
  },
};

/** The text of the error for a name that no message may carry. */
export function reservedProblem(text: string, prefix: string): string {
  return `${quote(text, LONGEST_SHOWN)} is reserved: a message must not carry a value that starts with "${prefix}"`;
}

/** The text of the error for a header field that a message of type `type` lacks. */
export function missingProblem(field: FieldName, type: string | number): string {
  return `${field} is missing: ${type === 'error' ? 'an' : 'a'} ${type} must have it`;
}

/** The header fields of a message that some message type requires. */
type Fields = { readonly [Key in RequiredKey]: string | number | undefined };

/** The first required header field that a message of type code `typeCode` lacks; undefined if it has all of them. */
export function missingField(typeCode: number, fields: Fields): FieldName | undefined {
  switch (typeCode) {
    case MESSAGE_TYPE_CODE.method_call:
      return fields.path === undefined ? 'PATH' : fields.member === undefined ? 'MEMBER' : undefined;
    case MESSAGE_TYPE_CODE.method_return:
      return fields.replySerial === undefined ? 'REPLY_SERIAL' : undefined;
    case MESSAGE_TYPE_CODE.error:
      if (fields.errorName === undefined) return 'ERROR_NAME';
      return fields.replySerial === undefined ? 'REPLY_SERIAL' : undefined;
    case MESSAGE_TYPE_CODE.signal:
      if (fields.path === undefined) return 'PATH';
      return fields.interface === undefined ? 'INTERFACE' : fields.member === undefined ? 'MEMBER' : undefined;
    default:
      return undefined;
  }
}
