// The header fields that are names, as one table, and which fields each message type requires.
// Writing and reading a header both follow it. Specification: Header Fields, Message Types.
import { type HeaderField, LOCAL_INTERFACE, LOCAL_PATH, MESSAGE_TYPE_CODE } from '../constants.js';
import type { UnmarshalErrorCode } from '../errors.js';
import {
  assertBusName, assertErrorName, assertInterfaceName, assertMemberName, assertObjectPath, isErrorName, isInterfaceName,
  isMemberName, isObjectPath, isReceivableBusName,
} from '../names.js';

/** The keys of a message that stand in its header as text. */
export type NameKey = 'path' | 'interface' | 'member' | 'errorName' | 'destination' | 'sender';
/** The keys of a message that a message type may require. */
export type RequiredKey = NameKey | 'replySerial';
/** The spec's name of a header field, as errors give it. */
export type FieldName = keyof typeof HeaderField;

/** A header field whose value is a name or an object path. */
export interface NameField {
  readonly name: FieldName;
  readonly type: 's' | 'o';
  /** Holds the caller to the grammar; throws InvalidNameError. */
  readonly assert: (value: unknown) => void;
  /** Whether a received value passes. */
  readonly accepts: (value: string) => boolean;
  /** What a received value that does not pass is called. */
  readonly invalid: UnmarshalErrorCode;
  /** No message may carry a value that begins with this: the reference implementation closes the connection. */
  readonly reserved?: { readonly prefix: string; readonly code: UnmarshalErrorCode };
}

/** The header fields that are names, by their keys in a message. */
export const NAME_FIELD: Readonly<Record<NameKey, NameField>> = {
  path: {
    name: 'PATH',
    type: 'o',
    assert: assertObjectPath,
    accepts: isObjectPath,
    invalid: 'OBJECT_PATH_INVALID',
    reserved: { prefix: LOCAL_PATH, code: 'PATH_RESERVED' },
  },
  interface: {
    name: 'INTERFACE',
    type: 's',
    assert: assertInterfaceName,
    accepts: isInterfaceName,
    invalid: 'INTERFACE_INVALID',
    reserved: { prefix: LOCAL_INTERFACE, code: 'INTERFACE_RESERVED' },
  },
  member: { name: 'MEMBER', type: 's', assert: assertMemberName, accepts: isMemberName, invalid: 'MEMBER_INVALID' },
  errorName: {
    name: 'ERROR_NAME', type: 's', assert: assertErrorName, accepts: isErrorName, invalid: 'ERROR_NAME_INVALID',
  },
  destination: {
    name: 'DESTINATION', type: 's', assert: assertBusName, accepts: isReceivableBusName, invalid: 'DESTINATION_INVALID',
  },
  sender: { name: 'SENDER', type: 's', assert: assertBusName, accepts: isReceivableBusName, invalid: 'SENDER_INVALID' },
};

/** What a message has of its header fields, whether it is read or to be written. */
type Fields = { readonly [Key in RequiredKey]: string | number | undefined };

/** The header field that a message of this type code must have and has not; undefined where none is missing. */
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
