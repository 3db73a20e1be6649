// Keeps a password in the user's keyring, finds it again and deletes it.
import { createProxy, defineInterface, sessionBus, variant } from 'dbus-wire';
import './one-sentence.mjs';

const Service = defineInterface({
  name: 'org.freedesktop.Secret.Service',
  methods: {
    OpenSession: { in: 'sv', out: 'vo' },
    SearchItems: { in: 'a{ss}', out: 'aoao', outNames: ['unlocked', 'locked'] },
    GetSecrets: { in: 'aoo', out: 'a{o(oayays)}' },
    ReadAlias: { in: 's', out: 'o' },
  },
});
const Collection = defineInterface({
  name: 'org.freedesktop.Secret.Collection',
  methods: { CreateItem: { in: 'a{sv}(oayays)b', out: 'oo', outNames: ['item', 'prompt'] } },
});
const Item = defineInterface({ name: 'org.freedesktop.Secret.Item', methods: { Delete: { out: 'o' } } });

await using bus = await sessionBus();
const destination = 'org.freedesktop.secrets';
const service = createProxy(bus, Service, { destination, path: '/org/freedesktop/secrets' });
const [, session] = await service.OpenSession('plain', variant('s', ''));
const path = await service.ReadAlias('default');
if (path === '/') throw new Error('there is no default keyring: create one first, as a login with a password does');
const collection = createProxy(bus, Collection, { destination, path });

const attributes = { server: 'example.com', user: 'me' };
const properties = {
  'org.freedesktop.Secret.Item.Label': variant('s', 'Password of example.com'),
  'org.freedesktop.Secret.Item.Attributes': variant('a{ss}', attributes),
};
const password = new TextEncoder().encode('correct horse');
await collection.CreateItem(properties, [session, [], password, 'text/plain'], true);

const [items] = await service.SearchItems(attributes);
for (const [item, [, , secret]] of await service.GetSecrets(items, session)) {
  console.log(item, new TextDecoder().decode(secret));
  await createProxy(bus, Item, { destination, path: item }).Delete();
}
