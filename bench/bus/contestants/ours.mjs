// This product. All that the bench uses of its public door for a bus is here: connectToBus, call, subscribe,
// createProxy, defineInterface, exportObject. Calls are written as a user writes them, with a literal for each.
import { Counter } from '../counter.mjs';
import { inLanes, wrongReply } from '../lanes.mjs';
import {
  BYTES, ECHO, INTERFACE, LARGE, NEVER, objectPath, PARTNER_NAME, PATH, PROPERTIES, TICK,
} from '../names.mjs';

const FOR_EVER = 2 ** 30;
/** More signals than a chunk can hold, so that none is dropped before its reader runs. */
const QUEUE_LIMIT = 2 ** 20;

async function open({ module, address }) {
  const library = await import(module);
  return { library, bus: await library.connectToBus(address) };
}

function echoes(bus, width) {
  const lane = async (count) => {
    for (let i = 0; i < count; i++) {
      const [value] = await bus.call({
        destination: PARTNER_NAME,
        path: PATH,
        interface: INTERFACE,
        member: ECHO,
        signature: 'u',
        body: [i],
        replySignature: 'u',
      });
      if (value !== i) throw wrongReply(i, value);
    }
  };
  return { run: (count) => inLanes(width, count, lane) };
}

/** An object with something for each property, made from its type. */
const ofAll = (make) => Object.fromEntries(Object.entries(PROPERTIES).map(([name, type]) => [name, make(type)]));

const define = ({ defineInterface }) => defineInterface({
  name: INTERFACE,
  methods: { [ECHO]: { in: 'u', out: 'u' } },
  properties: ofAll((type) => ({ type, access: 'readwrite' })),
  signals: { [TICK]: { args: 'u' } },
});

const VALUES = { u: 42, s: 'A title', b: true, d: 0.75, as: ['first'] };

function implement(definition) {
  return definition.implement({
    methods: { [ECHO]: (value) => value },
    properties: ofAll((type) => ({ get: () => VALUES[type], set: () => {} })),
  });
}

async function subscribe(bus, rule, counter) {
  const subscription = bus.subscribe(rule, { queueLimit: QUEUE_LIMIT });
  await subscription.ready;
  void (async () => {
    for await (const signal of subscription) if (signal.body.length === 1) counter.hit();
  })();
}

export const kinds = {
  async call({ n, ...parameters }) {
    const { bus } = await open(parameters);
    return echoes(bus, n);
  },

  async pending({ n, ...parameters }) {
    const { bus } = await open(parameters);
    const never = {
      destination: PARTNER_NAME, path: PATH, interface: INTERFACE, member: NEVER, signature: 'u', body: [0],
      timeout: FOR_EVER,
    };
    for (let i = 0; i < n; i++) bus.call(never).catch(() => {});
    return echoes(bus, 64);
  },

  async reply(parameters) {
    const { bus } = await open(parameters);
    return {
      async run(count) {
        for (let i = 0; i < count; i++) {
          const [bytes] = await bus.call({
            destination: PARTNER_NAME,
            path: PATH,
            interface: INTERFACE,
            member: BYTES,
            replySignature: 'ay',
          });
          if (bytes.length !== LARGE || bytes[LARGE - 1] !== 7) throw wrongReply(LARGE, bytes.length);
        }
      },
    };
  },

  async connect({ module, address }) {
    const { connectToBus } = await import(module);
    const buses = [];
    return {
      async run(count) {
        for (let i = 0; i < count; i++) buses.push(await connectToBus(address));
      },
      undo: () => Promise.all(buses.splice(0).map((bus) => bus.close())),
    };
  },

  async service(parameters) {
    const { library, bus } = await open(parameters);
    library.exportObject(bus, PATH, implement(define(library)));
    return { name: bus.uniqueName };
  },

  async signal(parameters) {
    const { bus } = await open(parameters);
    const counter = new Counter();
    await subscribe(bus, { sender: PARTNER_NAME, path: PATH, interface: INTERFACE, member: TICK }, counter);
    return { name: bus.uniqueName, counter };
  },

  async subscriptions({ n, sender, ...parameters }) {
    const { bus } = await open(parameters);
    const counter = new Counter();
    const rules = Array.from({ length: n }, (_, i) => ({
      sender, path: objectPath(i), interface: INTERFACE, member: TICK,
    }));
    await Promise.all(rules.map((rule) => subscribe(bus, rule, counter)));
    return { name: bus.uniqueName, counter };
  },

  async export({ n, ...parameters }) {
    const { library, bus } = await open(parameters);
    const definition = define(library);
    for (let i = 0; i < n; i++) library.exportObject(bus, objectPath(i), implement(definition));
    const exported = [];
    return {
      run(count) {
        for (let i = 0; i < count; i++) {
          exported.push(library.exportObject(bus, objectPath(n + i), implement(definition)));
        }
      },
      undo() {
        for (const object of exported.splice(0)) object.unexport();
      },
    };
  },

  async fake({ what, lastPeer, ...parameters }) {
    const { library, bus } = await open(parameters);
    const proxy = library.createProxy(bus, define(library), { destination: PARTNER_NAME, path: PATH });
    lastPeer().answerAllAs(what);
    const [name] = Object.keys(PROPERTIES);
    const lanes = {
      Get: async (count) => {
        for (let i = 0; i < count; i++) {
          const value = await proxy.$get(name);
          if (value !== 42) throw wrongReply(42, value);
        }
      },
      Set: async (count) => {
        for (let i = 0; i < count; i++) await proxy.$set(name, i);
      },
      GetAll: async (count) => {
        for (let i = 0; i < count; i++) {
          const values = await proxy.$getAll();
          if (values[name] !== 42) throw wrongReply(42, values[name]);
        }
      },
      [ECHO]: async (count) => {
        for (let i = 0; i < count; i++) {
          const value = await proxy[ECHO](i);
          if (value !== 0) throw wrongReply(0, value);
        }
      },
    };
    return { run: (count) => inLanes(64, count, lanes[what]) };
  },
};
kinds.rss = kinds.call;
