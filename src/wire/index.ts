// The public names of the wire layer, which is published as dbus-wire/wire. It does no I/O and needs no Node.
// Tests: test/public-names.test.ts, purity.test.ts.
export {
  BYTE_ORDER_MARK, type ByteOrder, FIXED_HEADER_LENGTH, HeaderField, LOCAL_INTERFACE, LOCAL_PATH, MAX_ARRAY_DEPTH,
  MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH, MAX_SIGNATURE_LENGTH, MAX_STRUCT_DEPTH, MAX_VALUE_DEPTH,
  MESSAGE_TYPE_CODE, MessageFlag, PROTOCOL_VERSION,
} from './constants.js';
export { checkBody, decodeBody, decodeHeader, decodeMessage, type MessageHeader } from './messages/decode.js';
export { dissect, type DissectOptions } from './dissect/dissect.js';
export { formatDissection } from './dissect/format.js';
export type { Part, PartKind } from './dissect/parts.js';
export { encodeMessage, type EncodeOptions } from './messages/encode.js';
export { type Envelope, readEnvelope } from './messages/broken-header.js';
export * from './errors.js';
export {
  FrameReader, type FrameReaderOptions, type InvalidMessage, MessageReader, type MessageReaderOptions,
  type ReaderOptions,
} from './messages/framing.js';
export type {
  BodyInputOf, BodyOf, CheckedSignature, CheckedSingle, DescriptorIndex, InputOf, TypedBodyOf, ValueOf,
} from './infer.js';
export { type JsonValue, toJson } from './json.js';
export { isVariantOf, take, type TakenValue, toPlain, unwrap, type VariantDict } from './plain.js';
export { marshal } from './values/marshal.js';
export {
  type Answerable, type BodyOptions, errorReply, type ErrorMessage, type Message, type MessageBase, methodCall,
  type MethodCall, methodReturn, type MethodReturn, signal, type Signal, type UnknownField, type UnknownMessage,
} from './messages/message.js';
export {
  type AssertName, assertBusName, assertErrorName, assertInterfaceName, assertMemberName, assertObjectPath,
  assertWellKnownName, isBusName, isErrorName, isInterfaceName, isMemberName, isObjectPath, isUniqueName,
  isWellKnownName,
} from './names.js';
export { readdress, type Readdressing } from './messages/readdress.js';
export {
  type ArrayType, type DictType, type FixedType, type FixedTypeCode, parseSignature, splitSignature, type StringType,
  type StringTypeCode, type StructType, type Type, type TypeLayout, type VariantType,
} from './signature.js';
export type { ReadOptions } from './values/read-options.js';
export { unmarshal, type UnmarshalOptions } from './values/unmarshal.js';
export { variant, type Variant } from './variant.js';
