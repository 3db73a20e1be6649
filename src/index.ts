// The main entry point: the names for services and clients of a bus. Messages and bytes are dbus-wire/wire, handshakes
// are dbus-wire/auth. Classes that only the library constructs are exported as types. Tests: test/public-names.test.ts.
// The reference is for the compilers of our users: TypeScript 6 and newer include the types of Node only if asked to.
/// <reference types="node" preserve="true" />
export {
  ArgumentError, type ArgumentErrorCode, DBusWireError, type ErrorFault, type ErrorPlace, InvalidNameError,
  MarshalError, type MarshalErrorCode, type NameKind, type ReceiverLimitCode,
  SignatureError, type SignatureErrorCode, UnmarshalError,
  type UnmarshalErrorCode,
} from './wire/errors.js';
export type {
  BodyInputOf, BodyOf, CheckedSignature, CheckedSingle, DescriptorIndex, InputOf, ValueOf,
} from './wire/infer.js';
export { type JsonValue, toJson } from './wire/json.js';
export type { MessageHeader } from './wire/messages/decode.js';
export type { EncodeOptions } from './wire/messages/encode.js';
export type {
  ErrorMessage, Message, MessageBase, MethodCall, MethodReturn, Signal, UnknownField, UnknownMessage,
} from './wire/messages/message.js';
export { isVariantOf, take, type TakenValue, toPlain, unwrap, type VariantDict } from './wire/plain.js';
export { variant, type Variant } from './wire/variant.js';
export { AuthError, type AuthErrorCode, type AuthErrorDetails } from './auth/errors.js';
export {
  type Address, type AddressParts, escapeAddressValue, formatAddress, parseAddresses, unescapeAddressValue,
} from './protocol/address.js';
export type { MechanismName } from './auth/mechanisms.js';
export type { NameReleaseResult, NameRequestResult } from './protocol/bus.js';
export type { ConnectionCredentials } from './protocol/credentials.js';
export { ErrorName } from './protocol/error-names.js';
export {
  AddressError, type AddressErrorCode, DBusError, type DBusErrorDetails, MatchRuleError,
  type MatchRuleErrorCode, type MatchRuleErrorDetails,
} from './protocol/errors.js';
export { formatMatchRule } from './protocol/format-match-rule.js';
export type { MatchRule } from './protocol/match-rule.js';
export { parseMatchRule } from './protocol/parse-match-rule.js';
export { escapePathElement, unescapePathElement } from './protocol/path-element.js';
export {
  ConnectError, DescriptorError, type DescriptorErrorCode, EndOfStreamError, ListenError, type ListenErrorCode,
  type OutputOverflowCode, OutputOverflowError,
  type ProgramEnd, ProgramEndedError,
} from './transport/errors.js';
export { memoryPair, type MemoryPairOptions } from './transport/memory-pair.js';
export type { AcceptClientsOptions, ClientClaim } from './transport/accept-clients.js';
export type { OpenOptions } from './transport/open.js';
export type { DescriptorCarrier, Transport, TransportEvents } from './transport/transport.js';
export {
  type Environment, sessionBusAddress, starterBusAddress, systemBusAddress,
} from './transport/well-known-buses.js';
export type { Bus } from './connection/bus.js';
export { type BusOptions, connectToBus, sessionBus, starterBus, systemBus } from './connection/open-bus.js';
export type { NameOptions } from './connection/name-requests.js';
export type { StartResult } from './connection/bus-queries.js';
export type { CallLimits } from './connection/call-limits.js';
export type { CallDefaults, CallFlags, CallOptions, NoReply, WaitOptions } from './connection/call-options.js';
export type { ReceiveOptions } from './connection/receive-options.js';
export type { SerialOrder } from './connection/serials.js';
export { type Connection, type ConnectOptions, openConnection } from './connection/connection.js';
export { attachDescriptors, takeDescriptors } from './connection/descriptors.js';
export { busOver, type BusOverOptions, connectionOver } from './connection/over-transport.js';
export type { Connected, Disconnected, MessageIn, MessageOut, Reconnected } from './connection/diagnostics.js';
export type { Drop, DropReason } from './connection/drops.js';
export {
  type ConnectionListener, listen, type PeerServer, type PeerServerOptions, type Refusal,
} from './connection/listen.js';
export {
  CallTimeoutError, type ConnectionClosedCode, type ConnectionClosedDetails, ConnectionClosedError, HandlerInUseError,
  NameLostError, NameRequestError, OwnerTimeoutError, QueueOverflowError, UnexpectedSignatureError,
} from './connection/errors.js';
export type {
  ConnectionChange, ConnectionChangeListener, ConnectionLost, ConnectionRestored, ConnectionState, Gap,
  NameRestoreResult,
} from './connection/gap.js';
export type { MessageLink, MethodCallHandler } from './connection/link.js';
export { becomeMonitor, type Monitor, type MonitorOptions } from './connection/monitor.js';
export type { OwnerListener, OwnerWatch } from './connection/name-owners.js';
export { type OwnedName, ownName, type OwnNameOptions, type OwnNameState } from './connection/own-name.js';
export type { ReconnectOptions } from './connection/reconnect-options.js';
export type { ListenedSubscription, ListenOptions, SignalListener, SignalOf } from './connection/signal-listener.js';
export type { OverflowPolicy } from './connection/signal-queue.js';
export type { SubscribeOptions, Subscription } from './connection/subscription.js';
export type { OwnerWaitOptions } from './connection/wait-for-owner.js';
export type { Annotations } from './interface/annotations.js';
export type { DeclaredError, DeclaredErrorClass } from './interface/declared-errors.js';
export { defineInterface } from './interface/define.js';
export type {
  CallContext, EmitOptions, Implementation, InterfaceDefinition, MethodDefinition, MethodHandler, PropertyDefinition,
  PropertyHandlers, SignalDefinition, SignalSource,
} from './interface/definition.js';
export type {
  HandlersOf, ImplementationOf, MethodsOf, PropertiesOf, SignalsOf, SpecOf,
} from './interface/definition-types.js';
export {
  DefinitionError, type DefinitionErrorCode, IntrospectionError, type IntrospectionErrorCode,
} from './interface/errors.js';
export type {
  MethodArguments, MethodResult, PropertyInput, PropertyValue, SignalArguments, SignalBody,
} from './interface/infer.js';
export {
  type DefinitionsSource, formatDefinitions, type FormatDefinitionsOptions,
} from './interface/format-definitions.js';
export { formatIntrospection, type IntrospectedObject } from './interface/format-introspection.js';
export type { IntrospectionProblem, IntrospectionProblemCode } from './interface/introspection-problems.js';
export {
  parseIntrospection, type ParsedInterface, type ParsedIntrospection, type ParsedNode, type ParseIntrospectionOptions,
} from './interface/parse-introspection.js';
export type { EmitsChanged, InterfaceSpec, MethodSpec, PropertySpec, SignalSpec } from './interface/spec.js';
export { DBusDaemon, Introspectable, ObjectManager, Peer, Properties } from './interface/standard.js';
export {
  introspect, type IntrospectedObjects, type IntrospectFailure, type IntrospectOptions, type RemoteObject,
} from './client/introspect.js';
export {
  type CachedMembers, type CachedProxy, type ClosableProxy, createProxy, type NamedSignal, type Proxy,
  type ProxyMembers, type SignalFunction, type SignalsFunction, type WatchableProperty, type WatchFunction,
} from './client/proxy.js';
export type { FollowOptions } from './client/follow.js';
export {
  type ManagedDefinitions, type ManagedObject, type ManagedObjects, manageObjects, type ManageOptions,
  type ObjectChange,
} from './client/managed-objects.js';
export type { CacheOptions } from './client/property-cache.js';
export type { PropertyStream, PropertyWatch } from './client/property-watch.js';
export type { ProxyOf } from './client/proxy-of.js';
export type { ProxyCallOptions, ProxyReadOptions, ProxyTarget } from './client/proxy-options.js';
export type { SignalListenOptions, SignalsOptions } from './client/proxy-signals.js';
export type { SignalFilter, SignalOptions, SignalStream } from './client/signal-stream.js';
export { ExportError, type ExportErrorCode } from './service/errors.js';
export { type ExportedObject, exportObject, type ImplementationFor } from './service/export-object.js';
export { exportObjectManager } from './service/export-object-manager.js';
export { type ExportedSubtree, exportSubtree, type SubtreeHandlers } from './service/export-subtree.js';
export type { FailedMember, HandlerError } from './service/failure-reports.js';
