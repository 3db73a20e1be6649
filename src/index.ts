// The public door: services and clients on a bus, and the wire layer with them.
// The reference is for the compilers of our users: from TypeScript 6 on, types of Node are taken in only if asked for.
/// <reference types="node" preserve="true" />
export * from './wire/index.js';
export {
  AuthClient, type AuthClientOptions, type ClientProgress, type ClientResult, type ClientState,
} from './auth/client.js';
export { AuthError, type AuthErrorCode } from './auth/errors.js';
export {
  anonymous, anonymousServer, type ClientMechanism, external, externalServer, type ServerMechanism,
} from './auth/mechanisms.js';
export { AuthServer, type ServerProgress, type ServerResult, type ServerState } from './auth/server.js';
export {
  AddressError, type AddressErrorCode, DBusError, type DBusErrorDetails, MatchRuleError,
} from './protocol/errors.js';
export { sessionBusAddress, systemBusAddress } from './transport/well-known-buses.js';
export type { NameReleaseResult, NameRequestResult } from './protocol/bus.js';
export { ConnectError, EndOfStreamError, OutputOverflowError } from './transport/errors.js';
export { formatMatchRule, type MatchRule } from './protocol/match-rule.js';
export { ErrorName } from './protocol/error-names.js';
export { Bus, connectToBus, type NameOptions, sessionBus, systemBus } from './connection/bus.js';
export type { CallOptions, WaitOptions } from './connection/call-options.js';
export {
  Connection, type ConnectionOptions, type ConnectOptions, type MethodCallHandler, openConnection,
  type SignalListener,
} from './connection/connection.js';
export type { Drop, DropReason } from './connection/drops.js';
export {
  CallTimeoutError, ConnectionClosedError, NameRequestError, UnexpectedSignatureError,
} from './connection/errors.js';
export type { OwnerListener, OwnerWatch } from './connection/name-owners.js';
export type { SubscribeOptions, Subscription } from './connection/subscription.js';
export { StreamTransport } from './transport/stream-transport.js';
export type { Transport, TransportEvents } from './transport/transport.js';
export { defineInterface } from './interface/define.js';
export type { CallContext, Implementation, InterfaceDefinition } from './interface/definition.js';
export {
  DefinitionError, type DefinitionErrorCode, IntrospectionError, type IntrospectionErrorCode,
} from './interface/errors.js';
export type {
  MethodArguments, MethodResult, PropertyInput, PropertyValue, SignalArguments,
} from './interface/infer.js';
export { formatIntrospection, type IntrospectedObject } from './interface/format-introspection.js';
export { parseIntrospection, type ParsedInterface, type ParsedNode } from './interface/parse-introspection.js';
export type { EmitsChanged, InterfaceSpec, MethodSpec, PropertySpec, SignalSpec } from './interface/spec.js';
export { DBusDaemon, Introspectable, ObjectManager, Peer, Properties } from './interface/standard.js';
export {
  createProxy, type Proxy, type ProxyCallOptions, type ProxyReadOptions, type ProxyTarget,
} from './client/proxy.js';
export type { SignalOptions, SignalStream } from './client/signal-stream.js';
export { ExportError, type ExportErrorCode } from './service/errors.js';
export { type ExportedObject, exportObject } from './service/export-object.js';
export type { HandlerError } from './service/handler-errors.js';
