// The public names of the message bus, which is published as dbus-wire/message-bus. Tests: test/public-names.test.ts.
export type { BusLimits } from './limits.js';
export { type RunningMessageBus, startMessageBus, type StartMessageBusOptions } from './start.js';
