// The suite of client.test.ts on our own message bus: what holds on dbus-daemon holds on it.
// Specification: Message Bus Specification.

import '../support/choose-our-bus.js';
import './client.test.js';
