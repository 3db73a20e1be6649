// What dbus-next and its fork share: a bus with call(new Message(…)), classes that are exported, and signals as the
// proxies take them. Their calls have no timeout.
import { Counter } from '../counter.mjs';
import { inLanes, wrongReply } from '../lanes.mjs';
import {
  BUS_NAME, BUS_PATH, BYTES, ECHO, INTERFACE, LARGE, matchRule, NEVER, objectPath, PARTNER_NAME, PATH, TICK,
} from '../names.mjs';

export function dbusNextKinds({ sessionBus, Message, interface: { Interface } }) {
  const open = ({ address }) => new Promise((resolve, reject) => {
    const bus = sessionBus({ busAddress: address });
    bus.once('error', reject);
    bus.once('connect', () => resolve(bus));
  });

  function echoes(bus, width) {
    const lane = async (count) => {
      for (let i = 0; i < count; i++) {
        const { body: [value] } = await bus.call(new Message({
          destination: PARTNER_NAME,
          path: PATH,
          interface: INTERFACE,
          member: ECHO,
          signature: 'u',
          body: [i],
        }));
        if (value !== i) throw wrongReply(i, value);
      }
    };
    return { run: (count) => inLanes(width, count, lane) };
  }

  /** What a proxy does when it gets a listener, without the introspection before it. */
  function subscribe(bus, sender, path, counter) {
    bus._signals.on(JSON.stringify({ path, interface: INTERFACE, member: TICK }), () => counter.hit());
    const call = { destination: BUS_NAME, path: BUS_PATH, interface: BUS_NAME, member: 'AddMatch', signature: 's' };
    return bus.call(new Message({ ...call, body: [matchRule(sender, path)] }));
  }

  class Echoes extends Interface {
    [ECHO](value) {
      return value;
    }
  }
  Echoes.configureMembers({ methods: { [ECHO]: { inSignature: 'u', outSignature: 'u' } } });

  const kinds = {
    call: async ({ n, ...parameters }) => echoes(await open(parameters), n),

    async pending({ n, ...parameters }) {
      const bus = await open(parameters);
      const never = () => new Message({
        destination: PARTNER_NAME, path: PATH, interface: INTERFACE, member: NEVER, signature: 'u', body: [0],
      });
      for (let i = 0; i < n; i++) void bus.call(never());
      return echoes(bus, 64);
    },

    async reply(parameters) {
      const bus = await open(parameters);
      return {
        async run(count) {
          for (let i = 0; i < count; i++) {
            const { body: [bytes] } = await bus.call(new Message({
              destination: PARTNER_NAME,
              path: PATH,
              interface: INTERFACE,
              member: BYTES,
            }));
            if (bytes.length !== LARGE || bytes[LARGE - 1] !== 7) throw wrongReply(LARGE, bytes.length);
          }
        },
      };
    },

    async connect(parameters) {
      const buses = [];
      return {
        async run(count) {
          for (let i = 0; i < count; i++) buses.push(await open(parameters));
        },
        undo: () => Promise.all(buses.splice(0).map((bus) => new Promise((resolve) => {
          bus._connection.stream.once('close', resolve);
          bus.disconnect();
        }))),
      };
    },

    async service(parameters) {
      const bus = await open(parameters);
      bus.export(PATH, new Echoes(INTERFACE));
      return { name: bus.name };
    },

    async signal(parameters) {
      const bus = await open(parameters);
      const counter = new Counter();
      await subscribe(bus, PARTNER_NAME, PATH, counter);
      return { name: bus.name, counter };
    },

    async subscriptions({ n, sender, ...parameters }) {
      const bus = await open(parameters);
      const counter = new Counter();
      const paths = Array.from({ length: n }, (_, i) => objectPath(i));
      await Promise.all(paths.map((path) => subscribe(bus, sender, path, counter)));
      return { name: bus.name, counter };
    },

    async export({ n, ...parameters }) {
      const bus = await open(parameters);
      for (let i = 0; i < n; i++) bus.export(objectPath(i), new Echoes(INTERFACE));
      let exported = 0;
      return {
        run(count) {
          for (exported = 0; exported < count; exported++) bus.export(objectPath(n + exported), new Echoes(INTERFACE));
        },
        undo() {
          for (let i = 0; i < exported; i++) bus.unexport(objectPath(n + i));
        },
      };
    },
  };
  kinds.rss = kinds.call;
  return kinds;
}
