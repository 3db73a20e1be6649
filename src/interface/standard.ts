// The definitions of the standard interfaces. It contains only data: the service layer answers Peer, Introspectable and
// Properties, and the connection layer calls the bus.
// Specification: Standard Interfaces, Message Bus Messages, Message Bus Properties.
import { defineInterface } from './define.js';

/** Checks that a program answers, and returns the id of its machine. ‹org.freedesktop.DBus.Peer› */
export const Peer = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.Peer',
  methods: {
    Ping: {},
    GetMachineId: { out: 's', outNames: ['machine_uuid'] },
  },
});

/** Describes the interfaces of an object and the objects below it, as XML. ‹org.freedesktop.DBus.Introspectable› */
export const Introspectable = /* @__PURE__ */ defineInterface({
  name: 'org.freedesktop.DBus.Introspectable',
  methods: {
    Introspect: { out: 's', outNames: ['xml_data'] },
  },
});

/** Reads and writes the properties of an object, and announces their changes. ‹org.freedesktop.DBus.Properties› */
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

/** Lists the objects below a path, with all their properties. ‹org.freedesktop.DBus.ObjectManager› */
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

/** The message bus: the object `/org/freedesktop/DBus` of `org.freedesktop.DBus`. ‹Message Bus Messages› */
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
