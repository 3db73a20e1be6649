// What dbus-native and @homebridge/dbus-native share: a bus with invoke(message, callback), exportInterface and an
// emitter of signals. Calls take callbacks, which costs them less than promises.
import { Counter } from '../counter.mjs';
import { inLanes, wrongReply } from '../lanes.mjs';
import {
  BUS_NAME, BUS_PATH, BYTES, ECHO, INTERFACE, LARGE, matchRule, NEVER, objectPath, PARTNER_NAME, PATH, TICK,
} from '../names.mjs';

const DESCRIPTOR = { name: INTERFACE, methods: { [ECHO]: ['u', 'u'] }, signals: {}, properties: {} };
const IMPLEMENTATION = { [ECHO]: (value) => value };

/** `createClient({ busAddress })` gives a bus; `forEver` are the options of a call without a timeout. */
export function callbackKinds({ createClient, forEver }) {
  const open = ({ address }) => new Promise((resolve, reject) => {
    const bus = createClient({ busAddress: address });
    bus.connection.on('error', reject);
    bus.connection.once('message', () => resolve(bus)); // Hello's reply, which the bus has had before
  });

  const invokeBus = (bus, member, signature, body) => new Promise((resolve, reject) => {
    const message = { destination: BUS_NAME, path: BUS_PATH, interface: BUS_NAME, member, signature, body };
    bus.invoke(message, (error) => (error ? reject(error) : resolve()));
  });

  function echoes(bus, width) {
    const lane = (count) => new Promise((resolve, reject) => {
      let i = 0;
      const next = () => bus.invoke({
        destination: PARTNER_NAME,
        path: PATH,
        interface: INTERFACE,
        member: ECHO,
        signature: 'u',
        body: [i],
      }, receive);
      const receive = (error, value) => {
        if (error) return reject(new Error(error.message));
        if (value !== i) return reject(wrongReply(i, value));
        if (++i === count) return resolve();
        return next();
      };
      next();
    });
    return { run: (count) => inLanes(width, count, lane) };
  }

  function subscribe(bus, sender, path, counter) {
    bus.signals.on(bus.mangle(path, INTERFACE, TICK), () => counter.hit());
    return invokeBus(bus, 'AddMatch', 's', [matchRule(sender, path)]);
  }

  const kinds = {
    call: async ({ n, ...parameters }) => echoes(await open(parameters), n),

    async pending({ n, ...parameters }) {
      const bus = await open(parameters);
      const never = () => ({
        destination: PARTNER_NAME, path: PATH, interface: INTERFACE, member: NEVER, signature: 'u', body: [0],
      });
      for (let i = 0; i < n; i++) bus.invoke(never(), ...forEver, () => {});
      return echoes(bus, 64);
    },

    async reply(parameters) {
      const bus = await open(parameters);
      return {
        run: (count) => new Promise((resolve, reject) => {
          let i = 0;
          const next = () => bus.invoke({
            destination: PARTNER_NAME,
            path: PATH,
            interface: INTERFACE,
            member: BYTES,
          }, (error, bytes) => {
            if (error) return reject(new Error(error.message));
            if (bytes.length !== LARGE || bytes[LARGE - 1] !== 7) return reject(wrongReply(LARGE, bytes.length));
            if (++i === count) return resolve();
            return next();
          });
          next();
        }),
      };
    },

    async connect(parameters) {
      const buses = [];
      return {
        async run(count) {
          for (let i = 0; i < count; i++) buses.push(await open(parameters));
        },
        undo: () => Promise.all(buses.splice(0).map((bus) => new Promise((resolve) => {
          bus.connection.stream.once('close', resolve);
          bus.connection.stream.end();
        }))),
      };
    },

    async service(parameters) {
      const bus = await open(parameters);
      bus.exportInterface(IMPLEMENTATION, PATH, DESCRIPTOR);
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
      const one = (i) => bus.exportInterface({ [ECHO]: (value) => value }, objectPath(i), DESCRIPTOR);
      for (let i = 0; i < n; i++) one(i);
      let exported = 0;
      return {
        run(count) {
          for (exported = 0; exported < count; exported++) one(n + exported);
        },
        undo() {
          for (let i = 0; i < exported; i++) delete bus.exportedObjects[objectPath(n + i)];
        },
      };
    },
  };
  kinds.rss = kinds.call;
  return kinds;
}
