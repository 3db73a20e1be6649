// The interfaces that the specification itself defines, and the error names in common use. Data only: who answers Peer,
// Introspectable and Properties is the service layer, who calls the bus is the connection layer.
// Specification: Standard Interfaces, Message Bus Messages, Message Bus Properties.
import { defineInterface } from './define.js';

/** Answers on every object path: is anyone there, and on which machine. ‹org.freedesktop.DBus.Peer› */
export const Peer = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.Peer',
  methods: {
    Ping: {},
    GetMachineId: { out: 's', outNames: ['machine_uuid'] },
  },
});

/** Tells what an object has, as XML. ‹org.freedesktop.DBus.Introspectable› */
export const Introspectable = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.Introspectable',
  methods: {
    Introspect: { out: 's', outNames: ['xml_data'] },
  },
});

/** Reads, writes and watches the properties of an object. ‹org.freedesktop.DBus.Properties› */
export const Properties = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.Properties',
  methods: {
    Get: { in: 'ss', out: 'v', inNames: ['interface_name', 'property_name'], outNames: ['value'] },
    GetAll: { in: 's', out: 'a{sv}', inNames: ['interface_name'], outNames: ['properties'] },
    Set: { in: 'ssv', inNames: ['interface_name', 'property_name', 'value'] },
  },
  signals: {
    PropertiesChanged: {
      args: 'sa{sv}as',
      argNames: ['interface_name', 'changed_properties', 'invalidated_properties'],
    },
  },
});

/** Tells which objects are below a path, with all their properties. ‹org.freedesktop.DBus.ObjectManager› */
export const ObjectManager = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.ObjectManager',
  methods: {
    GetManagedObjects: { out: 'a{oa{sa{sv}}}', outNames: ['objects'] },
  },
  signals: {
    InterfacesAdded: { args: 'oa{sa{sv}}', argNames: ['object_path', 'interfaces'] },
    InterfacesRemoved: { args: 'oas', argNames: ['object_path', 'interfaces'] },
  },
});

/** The message bus itself, at `/org/freedesktop/DBus` of the name `org.freedesktop.DBus`. ‹Message Bus Messages› */
export const DBusDaemon = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus',
  methods: {
    Hello: { out: 's', outNames: ['unique_name'] },
    RequestName: { in: 'su', out: 'u', inNames: ['name', 'flags'], outNames: ['result'] },
    ReleaseName: { in: 's', out: 'u', inNames: ['name'], outNames: ['result'] },
    ListQueuedOwners: { in: 's', out: 'as', inNames: ['name'], outNames: ['unique_names'] },
    ListNames: { out: 'as', outNames: ['names'] },
    ListActivatableNames: { out: 'as', outNames: ['names'] },
    NameHasOwner: { in: 's', out: 'b', inNames: ['name'], outNames: ['has_owner'] },
    GetNameOwner: { in: 's', out: 's', inNames: ['name'], outNames: ['unique_name'] },
    StartServiceByName: { in: 'su', out: 'u', inNames: ['name', 'flags'], outNames: ['result'] },
    UpdateActivationEnvironment: { in: 'a{ss}', inNames: ['environment'] },
    GetConnectionUnixUser: { in: 's', out: 'u', inNames: ['name'], outNames: ['user_id'] },
    GetConnectionUnixProcessID: { in: 's', out: 'u', inNames: ['name'], outNames: ['process_id'] },
    GetConnectionCredentials: { in: 's', out: 'a{sv}', inNames: ['name'], outNames: ['credentials'] },
    GetAdtAuditSessionData: { in: 's', out: 'ay', inNames: ['name'], outNames: ['audit_data'] },
    GetConnectionSELinuxSecurityContext: { in: 's', out: 'ay', inNames: ['name'], outNames: ['context'] },
    AddMatch: { in: 's', inNames: ['rule'] },
    RemoveMatch: { in: 's', inNames: ['rule'] },
    GetId: { out: 's', outNames: ['bus_id'] },
  },
  properties: {
    Features: { type: 'as', access: 'read', emitsChanged: 'const' },
    Interfaces: { type: 'as', access: 'read', emitsChanged: 'const' },
  },
  signals: {
    NameOwnerChanged: { args: 'sss', argNames: ['name', 'old_owner', 'new_owner'] },
    NameLost: { args: 's', argNames: ['name'] },
    NameAcquired: { args: 's', argNames: ['name'] },
    ActivatableServicesChanged: {},
  },
});

/** Error names in common use: the specification's, and those of the reference implementation. ‹Error names› */
export const ErrorName = {
  FAILED: 'org.freedesktop.DBus.Error.Failed',
  NO_MEMORY: 'org.freedesktop.DBus.Error.NoMemory',
  SERVICE_UNKNOWN: 'org.freedesktop.DBus.Error.ServiceUnknown',
  NAME_HAS_NO_OWNER: 'org.freedesktop.DBus.Error.NameHasNoOwner',
  NO_REPLY: 'org.freedesktop.DBus.Error.NoReply',
  IO_ERROR: 'org.freedesktop.DBus.Error.IOError',
  BAD_ADDRESS: 'org.freedesktop.DBus.Error.BadAddress',
  NOT_SUPPORTED: 'org.freedesktop.DBus.Error.NotSupported',
  LIMITS_EXCEEDED: 'org.freedesktop.DBus.Error.LimitsExceeded',
  ACCESS_DENIED: 'org.freedesktop.DBus.Error.AccessDenied',
  AUTH_FAILED: 'org.freedesktop.DBus.Error.AuthFailed',
  NO_SERVER: 'org.freedesktop.DBus.Error.NoServer',
  TIMEOUT: 'org.freedesktop.DBus.Error.Timeout',
  NO_NETWORK: 'org.freedesktop.DBus.Error.NoNetwork',
  ADDRESS_IN_USE: 'org.freedesktop.DBus.Error.AddressInUse',
  DISCONNECTED: 'org.freedesktop.DBus.Error.Disconnected',
  INVALID_ARGS: 'org.freedesktop.DBus.Error.InvalidArgs',
  FILE_NOT_FOUND: 'org.freedesktop.DBus.Error.FileNotFound',
  FILE_EXISTS: 'org.freedesktop.DBus.Error.FileExists',
  UNKNOWN_METHOD: 'org.freedesktop.DBus.Error.UnknownMethod',
  UNKNOWN_OBJECT: 'org.freedesktop.DBus.Error.UnknownObject',
  UNKNOWN_INTERFACE: 'org.freedesktop.DBus.Error.UnknownInterface',
  UNKNOWN_PROPERTY: 'org.freedesktop.DBus.Error.UnknownProperty',
  PROPERTY_READ_ONLY: 'org.freedesktop.DBus.Error.PropertyReadOnly',
  TIMED_OUT: 'org.freedesktop.DBus.Error.TimedOut',
  MATCH_RULE_NOT_FOUND: 'org.freedesktop.DBus.Error.MatchRuleNotFound',
  MATCH_RULE_INVALID: 'org.freedesktop.DBus.Error.MatchRuleInvalid',
  INVALID_SIGNATURE: 'org.freedesktop.DBus.Error.InvalidSignature',
  INVALID_FILE_CONTENT: 'org.freedesktop.DBus.Error.InvalidFileContent',
  UNIX_PROCESS_ID_UNKNOWN: 'org.freedesktop.DBus.Error.UnixProcessIdUnknown',
  SELINUX_SECURITY_CONTEXT_UNKNOWN: 'org.freedesktop.DBus.Error.SELinuxSecurityContextUnknown',
  ADT_AUDIT_DATA_UNKNOWN: 'org.freedesktop.DBus.Error.AdtAuditDataUnknown',
  OBJECT_PATH_IN_USE: 'org.freedesktop.DBus.Error.ObjectPathInUse',
  INCONSISTENT_MESSAGE: 'org.freedesktop.DBus.Error.InconsistentMessage',
  INTERACTIVE_AUTHORIZATION_REQUIRED: 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired',
  NOT_CONTAINER: 'org.freedesktop.DBus.Error.NotContainer',
  SPAWN_EXEC_FAILED: 'org.freedesktop.DBus.Error.Spawn.ExecFailed',
  SPAWN_FORK_FAILED: 'org.freedesktop.DBus.Error.Spawn.ForkFailed',
  SPAWN_CHILD_EXITED: 'org.freedesktop.DBus.Error.Spawn.ChildExited',
  SPAWN_CHILD_SIGNALED: 'org.freedesktop.DBus.Error.Spawn.ChildSignaled',
  SPAWN_FAILED: 'org.freedesktop.DBus.Error.Spawn.Failed',
  SPAWN_FAILED_TO_SETUP: 'org.freedesktop.DBus.Error.Spawn.FailedToSetup',
  SPAWN_CONFIG_INVALID: 'org.freedesktop.DBus.Error.Spawn.ConfigInvalid',
  SPAWN_SERVICE_NOT_VALID: 'org.freedesktop.DBus.Error.Spawn.ServiceNotValid',
  SPAWN_SERVICE_NOT_FOUND: 'org.freedesktop.DBus.Error.Spawn.ServiceNotFound',
  SPAWN_PERMISSIONS_INVALID: 'org.freedesktop.DBus.Error.Spawn.PermissionsInvalid',
  SPAWN_FILE_INVALID: 'org.freedesktop.DBus.Error.Spawn.FileInvalid',
  SPAWN_NO_MEMORY: 'org.freedesktop.DBus.Error.Spawn.NoMemory',
} as const;
