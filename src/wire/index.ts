// The public door of the wire layer: bytes and messages, no I/O, no Node.
export * from './constants.js';
export { decodeHeader, decodeMessage, type MessageHeader } from './decode-message.js';
export { dissect, type DissectOptions } from './dissect.js';
export { formatDissection } from './dissect-format.js';
export type { Part, PartKind } from './dissect-parts.js';
export { encodeMessage, type EncodeOptions } from './encode-message.js';
export * from './errors.js';
export { FrameReader, MessageReader } from './framing.js';
export type { BodyInputOf, BodyOf, CheckedSignature, CheckedSingle, InputOf, ValueOf } from './infer.js';
export { marshal } from './marshal.js';
export {
  errorReply, type ErrorMessage, type Message, methodCall, type MethodCall, methodReturn, type MethodReturn, signal,
  type Signal, type UnknownField, type UnknownMessage,
} from './message.js';
export {
  assertBusName, assertErrorName, assertInterfaceName, assertMemberName, assertObjectPath, assertWellKnownName,
  isBusName, isErrorName, isInterfaceName, isMemberName, isObjectPath, isUniqueName, isWellKnownName,
} from './names.js';
export { readdress, type Readdressing } from './readdress.js';
export { parseSignature, splitSignature, type Type } from './signature.js';
export { unmarshal } from './unmarshal.js';
export { variant, type Variant } from './variant.js';
