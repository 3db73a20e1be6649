// An icon in the tray with a menu (StatusNotifierItem and com.canonical.dbusmenu): a counter that a click increments.
import { createProxy, defineInterface, exportObject, sessionBus, variant } from 'dbus-wire';
import './one-sentence.mjs';

const Item = defineInterface({
  name: 'org.kde.StatusNotifierItem',
  methods: { Activate: { in: 'ii' } },
  properties: {
    Id: { type: 's', access: 'read' }, Title: { type: 's', access: 'read' }, Menu: { type: 'o', access: 'read' },
    Category: { type: 's', access: 'read' }, Status: { type: 's', access: 'read' },
    IconName: { type: 's', access: 'read' },
  },
  signals: { NewTitle: {} },
});
const Menu = defineInterface({
  name: 'com.canonical.dbusmenu',
  methods: {
    GetLayout: { in: 'iias', out: 'u(ia{sv}av)' }, GetGroupProperties: { in: 'aias', out: 'a(ia{sv})' },
    Event: { in: 'isvu' }, AboutToShow: { in: 'i', out: 'b' },
  },
  properties: { Version: { type: 'u', access: 'read' }, Status: { type: 's', access: 'read' } },
});
const Watcher = defineInterface({
  name: 'org.kde.StatusNotifierWatcher', methods: { RegisterStatusNotifierItem: { in: 's' } },
});

const bus = await sessionBus();
let count = 0;
const increment = () => {
  count++;
  item.emit('NewTitle');
};
const item = Item.implement({
  methods: { Activate: increment },
  properties: {
    Id: 'example', Category: 'ApplicationStatus', Status: 'Active', IconName: 'face-smile', Menu: '/menu',
    Title: { get: () => `${count} clicks` },
  },
});

const entries = new Map([[1, { label: 'Increment', run: increment }], [2, { label: 'Quit', run: () => bus.close() }]]);
const labelOf = (id: number) => ({ label: variant('s', entries.get(id)?.label ?? '') });
const children = [...entries.keys()].map((id) => variant('(ia{sv}av)', [id, labelOf(id), []]));
const menu = Menu.implement({
  methods: {
    GetLayout: (parent) => [1, parent === 0 ? [0, {}, children] : [parent, labelOf(parent), []]],
    GetGroupProperties: (ids) => ids.map((id) => [id, labelOf(id)]),
    Event: async (id, type) => {
      if (type === 'clicked') await entries.get(id)?.run();
    },
    AboutToShow: () => false,
  },
  properties: { Version: 3, Status: 'normal' },
});

exportObject(bus, '/StatusNotifierItem', item);
exportObject(bus, '/menu', menu);
const watcher = createProxy(bus, Watcher, { destination: Watcher.name, path: '/StatusNotifierWatcher' });
bus.watchOwner(Watcher.name, (owner) => { // the tray may start later, or again
  if (owner !== undefined) void watcher.RegisterStatusNotifierItem(bus.uniqueName);
});
