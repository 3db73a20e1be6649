// A program in a sandbox: its bus is xdg-dbus-proxy with a filter. It owns, calls and hears what the policy permits; what
// the policy forbids is an error of the call, or is as if it did not exist, and the connection lives on.
// ‹xdg-dbus-proxy(1), Policy›
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Bus, connectToBus, createProxy, defineInterface, ErrorName, exportObject, ownName,
} from '../../src/index.js';
import { gdbusCall } from '../support/foreign.js';
import { PROXY_PROGRAMS, type ProxiedBus, startProxiedBus } from '../support/private-proxy.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';

const Echo = defineInterface({
  name: 'com.example.Echo1',
  methods: { Echo: { in: 's', out: 's' } },
  signals: { Said: { args: 's' } },
});
const PATH = '/com/example/Echo';
const [TALK, SEE, HIDDEN, OWN] = ['com.example.Talk', 'com.example.See', 'com.example.Hidden', 'com.example.Own'];
const POLICY = ['--filter', `--talk=${TALK}`, `--see=${SEE}`, `--own=${OWN}.*`];

const implementation = () => Echo.implement({ methods: { Echo: (text) => text } });

let daemon: ProxiedBus;
/** In the sandbox. */
let inside: Bus;
/** Services outside, one connection for each name: the policy is for all names of a connection. */
const outside = new Map<string, { readonly bus: Bus; readonly echo: ReturnType<typeof implementation> }>();

beforeAll(async () => {
  daemon = await startProxiedBus({}, POLICY);
  for (const name of [TALK, SEE, HIDDEN]) {
    const bus = await connectToBus(daemon.direct.address);
    const echo = implementation();
    exportObject(bus, PATH, echo);
    await bus.requestName(name);
    outside.set(name, { bus, echo });
  }
});
beforeEach(async () => {
  inside = await connectToBus(daemon.address, { serials: 'increasing' }); // as in the sandbox of Flatpak
  return () => inside.close();
});
afterAll(async () => {
  for (const { bus } of outside.values()) await bus.close();
  await daemon?.stop();
});

const echoOf = (destination: string) => createProxy(inside, Echo, { destination, path: PATH });
const errorNameOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => 'no error', (error: { readonly errorName?: string }) => error.errorName ?? error);

describeWith(...PROXY_PROGRAMS, 'gdbus')('behind a proxy that filters', () => {
  test('a service is called by its name if the policy lets us talk to it', async () => {
    expect(await echoOf(TALK).Echo('grüße')).toBe('grüße');
  });

  test('a call fails if its destination is a name that we may only see, or a hidden name', async () => {
    expect(await errorNameOf(echoOf(SEE).Echo('x'))).toBe(ErrorName.ACCESS_DENIED);
    expect(await errorNameOf(echoOf(HIDDEN).Echo('x'))).toBe(ErrorName.SERVICE_UNKNOWN);
    expect(await errorNameOf(echoOf(outside.get(HIDDEN)!.bus.uniqueName).Echo('x'))).toBe(ErrorName.NAME_HAS_NO_OWNER);
    expect(await echoOf(TALK).Echo('still here')).toBe('still here');
  });

  test('hidden names are not in the list and have no owner', async () => {
    const names = await inside.listNames();
    expect(names).toEqual(expect.arrayContaining([TALK, SEE, inside.uniqueName]));
    expect(names).not.toContain(HIDDEN);
    expect(await inside.getNameOwner(HIDDEN)).toBeUndefined();
    expect(await inside.nameHasOwner(HIDDEN)).toBe(false);
    const watch = inside.watchOwner(HIDDEN, () => {});
    await watch.ready;
    expect(watch.owner).toBeUndefined();
    await expect(inside.waitForOwner(HIDDEN, { timeout: 50 })).rejects.toMatchObject({ name: 'OwnerTimeoutError' });
    expect(await inside.waitForOwner(SEE)).toBe(outside.get(SEE)?.bus.uniqueName);
  });

  test('a watch of a namespace has the names that we may see', async () => {
    const watch = inside.watchOwner('com.example.*', () => {});
    await watch.ready;
    expect([...watch.owners.keys()].sort()).toEqual([SEE, TALK]);
    await watch.close();
  });

  test('signals arrive from services to which we may talk, and from no other', async () => {
    const heard: string[] = [];
    const listening = [TALK, SEE, HIDDEN].map((name) => inside.subscribe(
      { type: 'signal', sender: name, interface: Echo.name, member: 'Said' },
      ({ body: [text] }) => heard.push(text),
      { signature: 's' },
    ));
    await Promise.all(listening.map(({ ready }) => ready));
    for (const [name, { bus, echo }] of [...outside].reverse()) {
      echo.emit('Said', name);
      await bus.listNames(); // the bus has it
    }
    await until(() => heard.length > 0);
    await inside.listNames();
    expect(heard).toEqual([TALK]);
  });

  test('a name that we may own can be requested, and others can call it; another name is refused', async () => {
    const name = `${OWN}.Service`;
    exportObject(inside, PATH, implementation());
    expect(await inside.requestName(name)).toBe('primary owner');
    const target = { destination: name, path: PATH, interface: Echo.name };
    expect(await gdbusCall(daemon.direct, target, 'Echo', ['"from outside"'])).toMatchObject({
      code: 0, stdout: "('from outside',)\n",
    });
    expect(await errorNameOf(inside.requestName('com.example.Forbidden'))).toBe(ErrorName.SERVICE_UNKNOWN);
    const owned = ownName(inside, 'com.example.Forbidden');
    expect(await errorNameOf(owned.ready)).toBe(ErrorName.SERVICE_UNKNOWN);
    expect(await errorNameOf(inside.releaseName('com.example.Forbidden'))).toBe(ErrorName.SERVICE_UNKNOWN);
    expect(await inside.releaseName(name)).toBe('released');
  });
});
