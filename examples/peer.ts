// Two programs that talk without a bus. Without an argument this is the server, which prints its address; with that
// address it is a client: `peer.ts unix:path=…`.
import { createProxy, defineInterface, exportObject, listen, openConnection } from 'dbus-wire';
import './one-sentence.mjs';

const Chat = defineInterface({
  name: 'com.example.Chat1',
  methods: { Say: { in: 's', out: 'u' } },
  signals: { Said: { args: 's' } },
});

const [address] = process.argv.slice(2);
if (address === undefined) {
  let count = 0;
  const chat = Chat.implement({
    methods: {
      Say: (text) => {
        chat.emit('Said', text); // to every client
        return ++count;
      },
    },
  });
  const server = await listen('unix:tmpdir=/tmp', { onConnection: (client) => exportObject(client, '/chat', chat) });
  for (const end of ['SIGINT', 'SIGTERM']) process.once(end, () => server.close());
  console.log(server.address);
} else {
  await using connection = await openConnection(address);
  const chat = createProxy(connection, Chat, { path: '/chat' });
  chat.$signal('Said', (text) => console.log('heard', text));
  console.log('number', await chat.Say('hello'));
}
